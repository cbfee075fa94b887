# SPDX-License-Identifier: MIT
"""MariaDB in the container: started once for all tests that want it. Its files lie in memory, as all of the container's do."""

SETTINGS = """\
[mariadbd]
innodb_flush_log_at_trx_commit = 0
innodb_buffer_pool_size = 64M
innodb_log_file_size = 8M
innodb_log_buffer_size = 2M
performance_schema = off
"""


class Database:
    user, password = "tester", "se'cret"

    def __init__(self, container):
        self.container = container
        container.write("/etc/mysql/mariadb.conf.d/99-tests.cnf", SETTINGS)
        container.run("mariadb-install-db", "--user=mysql", "--skip-test-db")
        container.systemctl("start", "mariadb.service", limit=120)
        self.ask("CREATE USER tester@localhost IDENTIFIED BY 'se''cret'; GRANT ALL ON *.* TO tester@localhost")

    def ask(self, *statements):
        """Rows as lists of strings, asked by root over its own connection."""
        done = self.container.run("mariadb", "--batch", "--skip-column-names", "-e", "; ".join(statements))
        return [line.split("\t") for line in done.stdout.splitlines()]

    def connections(self):
        """{connection id: what it does} of the tester's connections, as the server lists them."""
        rows = self.ask("SELECT ID, COMMAND FROM information_schema.PROCESSLIST WHERE USER = 'tester'")
        return {int(number): command for number, command in rows}
