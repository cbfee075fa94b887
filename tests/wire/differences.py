# SPDX-License-Identifier: MIT
"""Each deliberate difference from php-fpm on the wire, with its reason. Tests refer to these names; a name that no test
uses fails test_compare.py's last test."""

DIFFERENCES = {
    "unknown-role":
        "php-fpm resets the connection on a role that the specification does not have. fpmd answers END_REQUEST with"
        " FCGI_UNKNOWN_ROLE (section 5.5).",
    "multiplexing":
        "php-fpm takes a second BEGIN_REQUEST as a broken first request and answers the first with nothing. fpmd answers"
        " FCGI_CANT_MPX_CONN for the second (section 5.5) and goes on with the first.",
    "get-values":
        "php-fpm knows FCGI_MPXS_CONNS only. fpmd answers all three variables of section 4.1.",
    "unknown-type":
        "php-fpm resets the connection on an unknown management record, and answers an empty page to one inside a request."
        " fpmd answers FCGI_UNKNOWN_TYPE (section 4.2) and goes on.",
    "violation":
        "php-fpm hangs silently, or makes an empty page of it, where a peer breaks the protocol. fpmd closes the connection and"
        " logs why.",
    "large-params":
        "php-fpm resets the connection when a name-value pair does not fit into one record. Streams may be split anywhere"
        " (section 3.3): fpmd takes parameters of up to 1 MiB.",
    "other-id-ignored":
        "php-fpm takes a STDIN record of another request for its own, and an ABORT_REQUEST too. Section 3.3 wants records of ids"
        " that are not in hand ignored.",
    "padded-empty-records":
        "php-fpm does not skip the padding of the empty record that ends PARAMS, and loses the body. Any record may have padding"
        " (section 3.3).",
    "short-body":
        "php-fpm waits for CONTENT_LENGTH bytes although STDIN has ended, for ever on a kept connection. fpmd gives the script what"
        " came.",
    "body-without-length":
        "php-fpm loses a body that came without CONTENT_LENGTH, or with one that is no number (Caddy says -1 for a chunked body). The STDIN stream has an end of its"
        " own: fpmd reads it.",
    "abort-before-head":
        "php-fpm answers an aborted request that has not begun with a page of headers. fpmd answers END_REQUEST alone"
        " (section 5.4).",
    "exit-status":
        "php-fpm always sends application status 0. fpmd sends exit()'s (section 5.5: exit status of the application).",
    "php-value-leak":
        "php-fpm's PHP_VALUE and PHP_ADMIN_VALUE live on in the worker for requests that do not ask for them. In fpmd they end"
        " with their request.",
    "httpoxy":
        "php-fpm hides HTTP_PROXY from $_SERVER and getenv('HTTP_PROXY'), and shows it in getenv(). fpmd hides it there too.",
    "error-header":
        "php-fpm puts fastcgi.error_header on the 404 of a missing script too. In fpmd it is for replies that a fatal error ended.",
    "environment-order":
        "php-fpm lists the pool's env[] from the last to the first, in front of USER and HOME. fpmd behind them, as they are written.",
    "error-log":
        "php-fpm gives PHP's messages to the web server alone. fpmd's error_log has them too.",
    "streamed-post":
        "php-fpm reads the whole body of a POST that is no form before it runs the script. fpmd hands it on as it comes, as both do"
        " for PUT.",
    "seek-in-put":
        "php-fpm has not read a PUT before its script runs, and a seek to where nothing has been read yet fails or finds nothing. fpmd reads as"
        " far as that, as it does for a POST.",
    "upload-deadlock":
        "php-fpm and a client that sends a whole PUT before it reads wait for each other once the reply is large. fpmd receives meanwhile.",
    "abort-while-running":
        "php-fpm does not look for ABORT_REQUEST while a script runs, and drops the connection afterwards. fpmd looks at each flush:"
        " the script sees connection_aborted(), and a kept connection stays.",
    "cut-form":
        "php-fpm runs the script of a form whose client has gone, or has taken it back, with what had come of it: a $_POST that ends early. fpmd does not run it: it"
        " answers 400, or END_REQUEST alone to ABORT_REQUEST.",
    "cut-input":
        "In php-fpm php://input of a body that is cut off looks like a whole one. In fpmd the read says so: a warning, connection_aborted(), and, unless the script ignores"
        " user aborts, its end.",
    "encoded-path":
        "Apache's ProxyPass percent-encodes the path in SCRIPT_FILENAME, and php-fpm takes that for the file's name: 404 for any other name than plain ones (8.5 can be told to decode all)."
        " fpmd looks for the path as it stands, and, where there is no file, for what it means decoded.",
    "reserved-bytes":
        "php-fpm sends remains of its memory in END_REQUEST's reserved bytes. fpmd sends zeros.",
    "status-count":
        "php-fpm's short status leaves out the process that answers, or counts it late: numbers that do not add up to"
        " pm.max_children. fpmd's idle and active always add up to total.",
    "long-messages":
        "php-fpm cuts a message to the web server at 1 KiB. fpmd sends all of it.",
    "status-metrics":
        "php-fpm's metrics say nothing of single workers, of how long requests take and connections wait, and its counters have names that"
        " counters cannot have. fpmd's have histograms, with &full each worker, and types that linters take.",
    "status-head":
        "php-fpm's Content-Type for HEAD of a page is that of scripts. fpmd's is the one GET has.",
    "status-params":
        "php-fpm's pages are not found without SCRIPT_FILENAME or REQUEST_METHOD. fpmd's are found by SCRIPT_NAME alone.",
    "status-json":
        "php-fpm's JSON is not JSON when a URI holds bytes that are not UTF-8. fpmd replaces them.",
    "tcp-nodelay":
        "php-fpm never sets TCP_NODELAY: a kept connection answers a page of several packets 23 times a second.",
    "idle-connections":
        "In php-fpm an idle kept connection holds its worker. In fpmd it waits beside the workers, and its next request goes to any of"
        " them.",
    "half-body":
        "php-fpm runs the script of a PUT while its body is on its way, and the client holds the worker. fpmd runs it when the body is whole"
        " or 64 KiB of the request are there.",
    "lingering-close":
        "A worker of php-fpm waits for the client to close its end too, before it serves anybody else. fpmd's does not.",
    "head-body":
        "php-fpm 8.4 answers HEAD with a body where the script has flushed, and leaves it to the web server, which drops it or fails. fpmd"
        " sends the headers alone, as php-fpm 8.2 does.",
    "finish-closes":
        "php-fpm may hold a kept connection at fastcgi_finish_request() until the script has ended. In fpmd its next request goes to a worker"
        " that is free.",
    "late-chdir":
        "What a shutdown function or destructor makes the current directory is where later requests of that php-fpm worker begin and end."
        " In fpmd it ends with the request.",
}
