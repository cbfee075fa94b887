#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the completion of a program for bash or zsh from the program's own help, so that the two cannot part.

    completions.py SHELL PROGRAM BINARY OUTPUT

A line of the help that begins with blanks and options, or with a command, is a row of it. A program with commands is
asked for the help of each.
"""

import re
import subprocess
import sys

FILES = {"FILE", "PATH", "DIR", "ADDRESS"}
OPTION = re.compile(r"(--?[A-Za-z][\w-]*)(?:[ =]('[^']*'|@?[A-Z]+(?:\[?=[A-Z]+\]?)?))?(?=,? |$)")
OPTIONS = re.compile(rf" {{2,6}}({OPTION.pattern}(?:, {OPTION.pattern})*)(.*)")
COMMAND = re.compile(r"  ([a-z]+)(?: \S+)*  +(.*)")


class Option:
    """Its names, what it takes (None: nothing), and what the help says of it."""

    def __init__(self, names, takes, says):
        self.names, self.takes, self.says = names, takes, says

    @property
    def is_file(self):
        return bool(self.takes) and bool(FILES & set(re.findall(r"[A-Z]+", self.takes)))


def help_of(binary, *command):
    done = subprocess.run([binary, *command, "-h"], capture_output=True, text=True, check=True)
    return done.stdout


def option_of(words, says):
    """The option that a row is about: one name or several, of which some say what is taken."""
    found = OPTION.findall(words)
    return Option(list(dict.fromkeys(name for name, _ in found)), next((takes for _, takes in found if takes), None), says)


def options_of(text):
    matches = (OPTIONS.match(line) for line in text.splitlines())
    return [option_of(match.group(1), match.groups()[-1].strip()) for match in matches if match]


def commands_of(text):
    """{command: what it does}"""
    return {match.group(1): match.group(2) for line in text.splitlines() if (match := COMMAND.match(line))}


# -- bash ---------------------------------------------------------------------------------------------------------------


def bash_case(options):
    files = sorted({name for option in options if option.is_file for name in option.names})
    values = sorted({name for option in options if option.takes and not option.is_file for name in option.names})
    lines = []
    if files:
        lines += [f"        {'|'.join(files)})", "                COMPREPLY=($(compgen -f -- \"$cur\"))", "                return ;;"]
    if values:
        lines += [f"        {'|'.join(values)})", "                return ;;"]
    return ["        case $prev in", *lines, "        esac"] if lines else []


def bash(program, options, commands):
    every = options + [option for of in commands.values() for option in of]
    out = [f"# bash completion of {program}, made from its help", f"_{program}() {{",
           "        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words i", *bash_case(every),
           f"        words='{' '.join([name for option in options for name in option.names] + list(commands))}'"]
    if commands:
        out += ["        for ((i = 1; i < COMP_CWORD; i++)); do", "                case ${COMP_WORDS[i]} in"]
        for command, of in commands.items():
            names = " ".join(name for option in of for name in option.names)
            out.append(f"                {command}) words='{names}' ; break ;;")
        out += ["                esac", "        done"]
    out += ["        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))",
            "        [ ${#COMPREPLY[@]} -gt 0 ] || [ \"${cur#-}\" != \"$cur\" ] || COMPREPLY=($(compgen -f -- \"$cur\"))",
            "}", f"complete -o filenames -F _{program} {program}"]
    return "\n".join(out) + "\n"


# -- zsh ----------------------------------------------------------------------------------------------------------------


def zsh_option(option):
    says = re.sub(r"[\[\]:'\\]", " ", option.says)
    takes = ""
    if option.takes:
        takes = ":" + re.sub(r"[^\w]", " ", option.takes).strip().lower() + ":" + ("_files" if option.is_file else "")
    return [f"'{name}{'+' if option.takes and len(name) == 2 else '=' if option.takes else ''}[{says}]{takes}'"
            for name in option.names]


def zsh_arguments(options, indent):
    return "".join(f" \\\n{indent}{word}" for option in options for word in zsh_option(option))


def zsh(program, options, commands, says):
    out = f"#compdef {program}\n# made from the help of {program}\n\n"
    if not commands:
        return out + f"_arguments{zsh_arguments(options, '    ')} \\\n    '*:file:_files'\n"
    out += "local -a commands=(\n"
    out += "".join(f"    '{name}:{re.sub(chr(39), ' ', says[name])}'\n" for name in commands) + ")\n"
    out += f"_arguments -C{zsh_arguments(options, '    ')} \\\n    '1:command:->command' \\\n    '*::argument:->argument' && return\n"
    out += "case $state in\ncommand) _describe command commands ;;\nargument)\n    case $words[1] in\n"
    for name, of in commands.items():
        out += f"    {name}) _arguments{zsh_arguments(of, '        ')} \\\n        '*:file:_files' ;;\n"
    return out + "    esac ;;\nesac\n"


def main():
    shell, program, binary, output = sys.argv[1:]
    text = help_of(binary)
    options, says = options_of(text), commands_of(text)
    commands = {name: options_of(help_of(binary, name)) for name in says}
    if not options:
        sys.exit(f"{program} -h has no options")
    made = bash(program, options, commands) if shell == "bash" else zsh(program, options, commands, says)
    with open(output, "w", encoding="utf-8") as f:
        f.write(made)


if __name__ == "__main__":
    main()
