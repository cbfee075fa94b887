<?php
trigger_error("the page's own warning", E_USER_WARNING);
echo "warned\n";
