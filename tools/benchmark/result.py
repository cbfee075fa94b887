# SPDX-License-Identifier: MIT
"""Numbers with their spread, bars, and the results of rows."""

import operator
import statistics
from dataclasses import dataclass, field

COMPARE = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt}


@dataclass
class Spread:
    values: list

    @property
    def median(self):
        return statistics.median(self.values)

    def json(self):
        return {"median": self.median, "min": min(self.values), "max": max(self.values), "rounds": self.values}

    @staticmethod
    def of_json(found):
        """One that has been written down, without its rounds: what lies between its ends is not known any more."""
        return Spread([found["min"], found["median"], found["max"]] if found["min"] != found["max"] else [found["median"]])

    def text(self, digits=2):
        if len(self.values) == 1:
            return f"{self.median:.{digits}f}"
        return f"{self.median:.{digits}f} ({min(self.values):.{digits}f}-{max(self.values):.{digits}f})"


@dataclass
class Bar:
    """what: "ratio" (ours to php-fpm's), or "ours" (our own value)."""

    what: str
    compare: str
    limit: float

    def text(self):
        return f"{'ratio ' if self.what == 'ratio' else ''}{self.compare} {self.limit:g}"

    def met(self, value):
        return COMPARE[self.compare](value, self.limit)


@dataclass
class Result:
    name: str
    title: str
    unit: str
    bar: Bar
    servers: dict = field(default_factory=dict)  # label -> Spread
    ratio: Spread = None                         # ours to php-fpm's, round by round
    note: str = ""
    problem: str = ""                            # why there is no value
    failed: bool = False                         # a server did not do what it must
    details: dict = field(default_factory=dict)

    def value(self):
        if self.bar is None or self.problem:
            return None
        if self.bar.what == "ratio":
            return self.ratio.median if self.ratio else None
        return self.servers["fpmd"].median if "fpmd" in self.servers else None

    def met(self):
        """True, False, or None when it cannot be told."""
        value = self.value()
        return None if value is None else self.bar.met(value)

    def with_numbers(self, found):
        """This row with the numbers of one that has been written down, by recorded()."""
        self.servers = {label: Spread.of_json(spread) for label, spread in found["servers"].items()}
        self.ratio = Spread.of_json(found["ratio"]) if found["ratio"] else None
        self.note, self.problem = found["note"], found["problem"]
        return self

    def recorded(self):
        """What documents need of it."""
        def ends(spread):
            return {name: float(f"{value:.6g}") for name, value in spread.json().items() if name != "rounds"}
        return {"row": self.name, "servers": {label: ends(s) for label, s in self.servers.items()}, "ratio": ends(self.ratio) if self.ratio else None,
                "note": self.note, "problem": self.problem}

    def verdict(self):
        return {True: "met", False: "missed", None: "-"}[self.met()]

    def json(self):
        return {"row": self.name, "title": self.title, "unit": self.unit, "bar": self.bar.text() if self.bar else None,
                "value": self.value(), "met": self.met(), "ratio": self.ratio.json() if self.ratio else None,
                "servers": {k: v.json() for k, v in self.servers.items()}, "note": self.note, "problem": self.problem, "failed": self.failed,
                "details": self.details}
