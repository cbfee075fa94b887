<?php

namespace App\Models;

use Illuminate\Database\Eloquent\Relations\HasMany;
use Illuminate\Foundation\Auth\User as Authenticatable;

class User extends Authenticatable
{
    public $timestamps = false;
    protected $fillable = ['name', 'password'];

    public function notes(): HasMany
    {
        return $this->hasMany(Note::class);
    }
}
