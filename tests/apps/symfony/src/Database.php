<?php

namespace App;

use Doctrine\DBAL\Connection;
use Doctrine\DBAL\DriverManager;
use Doctrine\ORM\EntityManager;
use Doctrine\ORM\ORMSetup;
use Doctrine\ORM\Tools\SchemaTool;
use Symfony\Contracts\Service\ResetInterface;

/** What doctrine/doctrine-bundle does, which Debian does not have: an entity manager for each request, over a connection that is kept; but a file's. */
class Database implements ResetInterface
{
    private ?EntityManager $manager = null;
    private ?Connection $connection = null;

    public function __construct(private string $folder)
    {
    }

    public function manager(): EntityManager
    {
        if ($this->manager) {
            return $this->manager;
        }
        $config = ORMSetup::createAttributeMetadataConfiguration([__DIR__.'/Entity'], true, $this->folder.'/proxies');
        $isNew = !$this->connection;
        $this->connection ??= DriverManager::getConnection($this->parameters(), $config);
        $this->manager = new EntityManager($this->connection, $config);
        if ($isNew && !$this->connection->createSchemaManager()->tablesExist(['Note'])) {
            (new SchemaTool($this->manager))->createSchema($this->manager->getMetadataFactory()->getAllMetadata());
        }

        return $this->manager;
    }

    private function parameters(): array
    {
        $socket = getenv('DATABASE_SOCKET');

        return $socket ? ['driver' => 'pdo_mysql', 'unix_socket' => $socket, 'dbname' => 'site', 'user' => 'tester', 'password' => "se'cret"]
            : ['driver' => 'pdo_sqlite', 'path' => $this->folder.'/notes.sqlite'];
    }

    public function reset(): void
    {
        $this->manager?->clear();
        $this->manager = null;
        if (!getenv('DATABASE_SOCKET') || getenv('DATABASE_CLOSE')) {
            $this->connection?->close();
            $this->connection = null;
        }
    }
}
