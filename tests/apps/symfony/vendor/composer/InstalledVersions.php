<?php

namespace Composer;

/** What Composer would make. Nothing has been installed by it, so that Symfony looks for classes alone. */
class InstalledVersions
{
    public static function isInstalled(string $package, bool $alsoForDevelopment = true): bool
    {
        return false;
    }

    public static function getRootPackage(): array
    {
        return ['name' => 'app'];
    }
}
