# SPDX-License-Identifier: MIT
"""The pages that are asked for, and what each answers. hello.php is what a request costs beside its script; four stand for an application's work:
data as JSON, a template, a page of many files, a form."""

import json
import urllib.parse

POST_SIZE = 16384
N_CUSTOMERS, N_LINES, N_PARTS = 100, 800, 50

SCRIPTS = {
    "hello.php": "<?php echo 'Hello, world';",
    "post.php": "<?php echo strlen(file_get_contents('php://input'));",
    "large.php": "<?php $s = str_repeat('x', 4096); for ($i = 0; $i < 256; $i++) echo $s;",
    "extensions.php": "<?php echo implode(',', get_loaded_extensions());",
    "page.php": "<?php usleep(5000); echo 'Hello, world';",
    "second.php": "<?php usleep(1000000); echo 'Hello, world';",
    "chaos.php": "<?php readfile('php://input'); $n = (int)$_GET['n'];"
                 " echo substr(str_repeat('0123456789abcdef', intdiv($n, 16) + 1), 0, $n);",
    "json.php": f"""<?php
header('Content-Type: application/json');
$rows = [];
for ($i = 1; $i <= {N_CUSTOMERS}; $i++)
        $rows[] = ['id' => $i, 'name' => "Customer $i", 'email' => "customer$i@example.org", 'total' => $i * 7, 'paid' => $i % 2 == 0];
echo json_encode($rows);
""",
    "template.php": f"""<?php for ($i = 1; $i <= {N_LINES}; $i++) {{ $title = "Chapter <$i> & more"; ?>
<li class="<?= $i % 2 ? 'odd' : 'even' ?>"><a href="/chapters/<?= $i ?>"><?= htmlspecialchars($title) ?></a> <em>a line of a template, as long as one is</em></li>
<?php }} ?>""",
    "includes.php": f"<?php $sum = 0; for ($i = 0; $i < {N_PARTS}; $i++) {{ require __DIR__ . \"/part$i.php\"; $sum += \"part$i\"(); }} echo $sum;",
    **{f"part{i}.php": f"<?php function part{i}() {{ return {i}; }}" for i in range(N_PARTS)},
    "form.php": "<?php ksort($_POST); foreach ($_POST as $name => $value) echo htmlspecialchars(\"$name=$value\"), \"\\n\";",
}

FORM = {"name": "Ada & Charles", "street": "Dorset Street 1", "city": "London", "remarks": "ring twice " * 40, "agreed": "yes"}


def _customer(i):
    return {"id": i, "name": f"Customer {i}", "email": f"customer{i}@example.org", "total": i * 7, "paid": i % 2 == 0}


def _line(i):
    return (f'<li class="{"odd" if i % 2 else "even"}"><a href="/chapters/{i}">Chapter &lt;{i}&gt; &amp; more</a>'
            " <em>a line of a template, as long as one is</em></li>\n")


# What each of them answers; the generator itself knows what chaos.php has to.
REPLIES = {
    "hello.php": b"Hello, world",
    "post.php": b"%d" % POST_SIZE,
    "large.php": b"x" * 1048576,
    "page.php": b"Hello, world",
    "second.php": b"Hello, world",
    "json.php": json.dumps([_customer(i) for i in range(1, N_CUSTOMERS + 1)], separators=(",", ":")).encode(),
    "template.php": "".join(_line(i) for i in range(1, N_LINES + 1)).encode(),
    "includes.php": b"%d" % sum(range(N_PARTS)),
    "form.php": "".join(f"{name}={value}\n".replace("&", "&amp;") for name, value in sorted(FORM.items())).encode(),
}

FORM_BODY = urllib.parse.urlencode(FORM).encode()
