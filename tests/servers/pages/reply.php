<?php
// Replies of all shapes: the query says which.
function fill(int $n): string {
        return substr(str_repeat("0123456789abcde\n", intdiv($n, 16) + 1), 0, $n);
}

switch ($_GET['what']) {
case 'status':
        http_response_code((int) $_GET['code']);
        echo $_GET['text'] ?? '';
        break;
case 'line':
        header($_GET['line']);
        echo 'text';
        break;
case 'redirect':
        header('Location: /elsewhere?a=b');
        break;
case 'early':
        header('HTTP/1.1 413 Content Too Large');
        echo 'too large';
        break;
case 'short':
        header('Content-Length: 1000');
        echo 'ten bytes.';
        break;
case 'short-flushed':
        header('Content-Length: 1000');
        echo 'ten bytes.';
        flush();
        break;
case 'short-fatal':
        header('Content-Length: 1000');
        echo 'ten bytes.';
        flush();
        nobody_defines_this();
case 'short-exit':
        header('Content-Length: 100000');
        echo fill(50000);
        exit(3);
case 'long':
        header('Content-Length: 4');
        echo 'four and more';
        break;
case 'fatal':
        nobody_defines_this();
case 'fatal-late':
        echo fill(50000);
        flush();
        nobody_defines_this();
case 'big-header':
        header('X-Big: ' . str_repeat('b', (int) $_GET['n']));
        echo 'text';
        break;
case 'many-headers':
        for ($i = 0; $i < 60; $i++)
                header("X-$i: value of $i");
        echo 'text';
        break;
case 'cookies':
        setcookie('first', '1');
        setcookie('second', 'a b');
        header('Vary: Cookie');
        header('Vary: Accept', false);
        echo 'text';
        break;
case 'plain-type':
        header('Content-Type: application/json');
        echo '{}';
        break;
case 'no-type':
        ini_set('default_mimetype', '');
        echo 'text';
        break;
case 'sized':
        header('Content-Length: ' . $_GET['n']);
        echo fill((int) $_GET['n']);
        break;
case 'unsized':
        echo fill((int) $_GET['n']);
        break;
case 'pieces':
        for ($i = 0; $i < 20; $i++) {
                echo fill(1000);
                flush();
        }
        break;
case 'modified':
        header('Last-Modified: Sat, 01 Jan 2022 00:00:00 GMT');
        header('ETag: "tag"');
        echo 'text';
        break;
case 'finish':
        echo 'finished';
        fastcgi_finish_request();
        echo 'unseen';
        break;
case 'nothing':
}
