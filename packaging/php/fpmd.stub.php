<?php
// SPDX-License-Identifier: MIT

/*
 * For IDEs and static analysers: what scripts of a pool with worker.script can call, see fpmd.conf(5). The names that
 * begin with frankenphp_ are FrankenPHP's, for which frameworks ask; those with fpmd_ mean the same.
 */

/**
 * Waits for a request and calls $callback for it, with $_GET, $_POST, $_COOKIE, $_FILES, $_SERVER and $_REQUEST of that
 * request. The first call ends the boot: the worker is ready.
 *
 * @return bool whether there may be another one; false: the worker is to end, and so should the script
 * @throws RuntimeException within a request
 */
function fpmd_handle_request(callable $callback): bool {}

/** @see fpmd_handle_request() */
function frankenphp_handle_request(callable $callback): bool {}

/** Sends the rest of the reply; the script goes on. False: that has been done before. */
function fpmd_finish_request(): bool {}

/** @see fpmd_finish_request() */
function frankenphp_finish_request(): bool {}

/** @return array<string, string> the request's headers */
function fpmd_request_headers(): array {}

/** @see fpmd_request_headers() */
function frankenphp_request_headers(): array {}

/** @return array<string, string> the reply's headers so far; of several with one name the last */
function fpmd_response_headers(): array {}

/** @see fpmd_response_headers() */
function frankenphp_response_headers(): array {}

/**
 * Writes a line to the service's log, with the request's fields.
 *
 * @param int $level below 0 debug, from 0 on notice, from 4 on warning, from 8 on error
 * @param array<mixed> $context follows the message, as JSON
 */
function fpmd_log(string $message, int $level = 0, array $context = []): void {}

/** @see fpmd_log() */
function frankenphp_log(string $message, int $level = 0, array $context = []): void {}

/**
 * Sends the reply's headers with this status. One from 100 to 199 changes nothing, as FastCGI has no interim replies.
 */
function headers_send(int $status = 200): int {}
