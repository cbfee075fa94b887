<?php
// Says so much into the log, each line numbered and by whom.
for ($i = 0; $i < (int) $_GET['n']; $i++)
    error_log(sprintf('flood %s %06d %s', $_GET['client'], $i, str_repeat('f', 480)));
echo 'done';
