<?php

namespace App;

use Doctrine\DBAL\DriverManager;
use Doctrine\ORM\EntityManager;
use Doctrine\ORM\ORMSetup;
use Doctrine\ORM\Tools\SchemaTool;
use Symfony\Contracts\Service\ResetInterface;

/** What doctrine/doctrine-bundle does, which Debian does not have: an entity manager for each request. Its connection ends with it. */
class Database implements ResetInterface
{
    private ?EntityManager $manager = null;

    public function __construct(private string $folder)
    {
    }

    public function manager(): EntityManager
    {
        if ($this->manager) {
            return $this->manager;
        }
        $config = ORMSetup::createAttributeMetadataConfiguration([__DIR__.'/Entity'], true, $this->folder.'/proxies');
        $connection = DriverManager::getConnection(['driver' => 'pdo_sqlite', 'path' => $this->folder.'/notes.sqlite'], $config);
        $this->manager = new EntityManager($connection, $config);
        if (!$connection->executeQuery("SELECT 1 FROM sqlite_master WHERE lower(name) = 'note'")->fetchOne()) {
            (new SchemaTool($this->manager))->createSchema($this->manager->getMetadataFactory()->getAllMetadata());
        }

        return $this->manager;
    }

    public function reset(): void
    {
        $this->manager?->clear();
        $this->manager?->getConnection()->close();
        $this->manager = null;
    }
}
