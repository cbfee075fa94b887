<?php

namespace App;

use App\Controller\Pages;
use App\Controller\Visits;
use Doctrine\ORM\EntityManagerInterface;
use Symfony\Bundle\FrameworkBundle\FrameworkBundle;
use Symfony\Bundle\FrameworkBundle\Kernel\MicroKernelTrait;
use Symfony\Bundle\SecurityBundle\SecurityBundle;
use Symfony\Bundle\TwigBundle\TwigBundle;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;
use Symfony\Component\HttpKernel\Kernel as BaseKernel;
use Symfony\Component\Routing\Loader\Configurator\RoutingConfigurator;

use function Symfony\Component\DependencyInjection\Loader\Configurator\service;

class Kernel extends BaseKernel
{
    use MicroKernelTrait;

    public function getProjectDir(): string
    {
        return dirname(__DIR__);
    }

    public function registerBundles(): iterable
    {
        return [new FrameworkBundle(), new TwigBundle(), new SecurityBundle()];
    }

    protected function configureContainer(ContainerConfigurator $container): void
    {
        $container->extension('framework', [
            'secret' => 'of the tests',
            'http_method_override' => false,
            'csrf_protection' => true,
            'form' => true,
            'session' => ['handler_id' => null, 'save_path' => '%kernel.project_dir%/var/sessions',
                'storage_factory_id' => 'session.storage.factory.native', 'cookie_samesite' => 'lax'],
            'router' => ['utf8' => true],
        ]);
        $container->extension('twig', ['default_path' => '%kernel.project_dir%/templates']);
        $container->extension('security', $this->security());
        $services = $container->services()->defaults()->autowire()->autoconfigure();
        $services->load('App\\Controller\\', 'Controller/')->tag('controller.service_arguments');
        $services->set(Database::class)->args(['%kernel.project_dir%/var']);
        $services->set(EntityManagerInterface::class)->factory([service(Database::class), 'manager'])->share(false);
        $services->set(AtTheEnd::class)->args(['%kernel.project_dir%/var/terminated']);
    }

    private function security(): array
    {
        $users = [];
        foreach (['anna', 'bert'] as $name) {
            $users[$name] = ['password' => "secret-$name", 'roles' => ['ROLE_USER']];
        }

        return (self::VERSION_ID < 60000 ? ['enable_authenticator_manager' => true] : []) + [
            'password_hashers' => ['Symfony\Component\Security\Core\User\InMemoryUser' => 'plaintext'],
            'providers' => ['memory' => ['memory' => ['users' => $users]]],
            'firewalls' => [
                'stateless' => ['pattern' => '^/(api|page|plain)', 'security' => false],
                'main' => ['lazy' => true, 'form_login' => ['login_path' => 'login', 'check_path' => 'login', 'enable_csrf' => true,
                    'default_target_path' => 'account'], 'logout' => ['path' => 'logout', 'target' => 'home']],
            ],
            'access_control' => [['path' => '^/(account|notes)', 'roles' => 'ROLE_USER']],
        ];
    }

    protected function configureRoutes(RoutingConfigurator $routes): void
    {
        foreach (['home' => '/', 'plain' => '/plain', 'page' => '/page', 'api' => '/api/{name}', 'away' => '/away', 'fail' => '/fail',
            'leave' => '/leave', 'upload' => '/upload', 'download' => '/download', 'streamed' => '/stream', 'state' => '/state'] as $name => $path) {
            $routes->add($name, $path)->controller([Pages::class, $name]);
        }
        foreach (['login' => '/login', 'account' => '/account', 'notes' => '/notes'] as $name => $path) {
            $routes->add($name, $path)->controller([Visits::class, $name]);
        }
        $routes->add('logout', '/logout');
    }
}
