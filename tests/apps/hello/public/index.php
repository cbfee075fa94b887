<?php
$hello = static function (): void {
    echo 'hello';
};
if (!function_exists('fpmd_handle_request')) {
    $hello();

    return;
}
while (fpmd_handle_request($hello)) {
}
