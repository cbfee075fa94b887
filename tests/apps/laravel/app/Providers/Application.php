<?php

namespace App\Providers;

use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Facades\Hash;
use Illuminate\Support\Facades\Route;
use Illuminate\Support\Facades\Schema;
use Illuminate\Support\ServiceProvider;

class Application extends ServiceProvider
{
    public function boot(): void
    {
        if (!is_file(database_path('made'))) {
            $this->migrateOnce();
        }
        Route::middleware('web')->group(base_path('routes/web.php'));
        Route::middleware('api')->prefix('api')->group(base_path('routes/api.php'));
        Route::getRoutes()->refreshNameLookups();
        Route::getRoutes()->refreshActionLookups();
    }

    /** Workers boot at the same time. */
    private function migrateOnce(): void
    {
        $lock = fopen(database_path('lock'), 'c');
        flock($lock, LOCK_EX);
        if (!is_file(database_path('made'))) {
            $this->migrate();
            touch(database_path('made'));
        }
        fclose($lock);
    }

    private function migrate(): void
    {
        touch(database_path('site.sqlite'));
        Schema::create('users', function (Blueprint $table) {
            $table->id();
            $table->string('name')->unique();
            $table->string('password');
            $table->rememberToken();
        });
        Schema::create('notes', function (Blueprint $table) {
            $table->id();
            $table->foreignId('user_id');
            $table->text('text');
        });
        foreach (['anna', 'bert'] as $name) {
            \App\Models\User::create(['name' => $name, 'password' => Hash::make("secret-$name", ['rounds' => 4])]);
        }
    }
}
