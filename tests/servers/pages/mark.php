<?php
// Leaves a mark of what became of a script: began, then how it ended.
$mark = getenv('MARKS') . '/' . $_GET['mark'];
file_put_contents("$mark.began", '');
register_shutdown_function(function () use ($mark) {
        global $body;
        $text = json_encode(['aborted' => connection_aborted(), 'body' => isset($body) ? strlen($body) : null, 'post' => count($_POST)]);
        file_put_contents("$mark.new", $text);
        rename("$mark.new", "$mark.ended");
});

switch ($_GET['what']) {
case 'work':
        usleep(20000);
        break;
case 'background':
        ignore_user_abort(true);
        fastcgi_finish_request();
        usleep(20000);
        break;
case 'body':
        $body = file_get_contents('php://input');
        break;
case 'download':
        header('Content-Type: application/octet-stream');
        for ($i = 0; $i < 8000; $i++)
                echo str_repeat('d', 65536);
        break;
}
echo 'done';
