<?php

use Illuminate\Http\Request;
use Illuminate\Support\Facades\Route;

Route::get('/hello/{name}', fn (Request $request, string $name) => ['hello' => $name, 'query' => $request->query()])->name('hello');
Route::post('/upload', function (Request $request) {
    $file = $request->file('file');
    $kept = $file->move(storage_path(), 'upload-'.sha1($file->getClientOriginalName()));

    return ['name' => $file->getClientOriginalName(), 'sum' => sha1_file($kept), 'size' => $kept->getSize(), 'fields' => $request->post()];
});
