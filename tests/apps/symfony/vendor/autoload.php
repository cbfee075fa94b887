<?php
// What Composer would make: here the classes are Debian's, below /usr/share/php, and each package has a loader of its own.

foreach (['Symfony/Bundle/FrameworkBundle', 'Symfony/Bundle/SecurityBundle', 'Symfony/Bundle/TwigBundle', 'Symfony/Component/Form',
    'Symfony/Component/Runtime', 'Symfony/Component/Security/Csrf', 'Doctrine/ORM', 'Doctrine/DBAL'] as $package) {
    require_once "/usr/share/php/$package/autoload.php";
}
require_once __DIR__.'/composer/InstalledVersions.php';
spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'App\\')) {
        require dirname(__DIR__).'/src/'.strtr(substr($class, 4), '\\', '/').'.php';
    }
});
