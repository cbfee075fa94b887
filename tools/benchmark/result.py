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

    def ends(self):
        """What is written down of it, without its rounds."""
        return {name: float(f"{value:.6g}") for name, value in self.json().items() if name != "rounds"}

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
    """what: "ratio" (ours to php-fpm's), "classic" (a mode's ratio to classic mode), or "ours" (our own value)."""

    NAMES = {"ratio": "ratio ", "classic": "ratio to classic ", "ours": ""}

    what: str
    compare: str
    limit: float

    def text(self):
        return f"{self.NAMES[self.what]}{self.compare} {self.limit:.4g}"

    def met(self, value):
        return COMPARE[self.compare](value, self.limit)


@dataclass
class Result:
    name: str
    title: str
    unit: str
    bar: Bar
    servers: dict = field(default_factory=dict)  # label -> Spread
    ratio: Spread = None                         # ours to php-fpm's, or as the bar says, round by round
    note: str = ""
    problem: str = ""                            # why there is no value
    failed: bool = False                         # a server did not do what it must
    details: dict = field(default_factory=dict)

    def value(self):
        if self.bar is None or self.problem:
            return None
        if self.bar.what != "ours":
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
        return {"row": self.name, "servers": {label: s.ends() for label, s in self.servers.items()}, "ratio": self.ratio.ends() if self.ratio else None,
                "note": self.note, "problem": self.problem}

    def verdict(self):
        return {True: "met", False: "missed", None: "-"}[self.met()]

    def by_bar(self):
        return [self]

    def json(self):
        return {"row": self.name, "title": self.title, "unit": self.unit, "bar": self.bar.text() if self.bar else None,
                "value": self.value(), "met": self.met(), "ratio": self.ratio.json() if self.ratio else None,
                "servers": {k: v.json() for k, v in self.servers.items()}, "note": self.note, "problem": self.problem, "failed": self.failed,
                "details": self.details}


@dataclass
class ByMode:
    """A row whose servers are fpmd's modes, and php-fpm: ratios are to classic mode, and each mode may have a bar."""

    name: str
    title: str
    unit: str
    bars: dict
    servers: dict = field(default_factory=dict)  # mode -> Spread
    ratios: dict = field(default_factory=dict)   # mode -> Spread, of all but classic

    def fill(self, taken):
        """taken: {mode: [value of each round]}"""
        self.servers = {mode: Spread(values) for mode, values in taken.items()}
        self.ratios = {mode: Spread([a / b for a, b in zip(values, taken["classic"])]) for mode, values in taken.items() if mode != "classic"}
        return self

    def of_bar(self, mode):
        """What this mode comes to, and whether it is enough; one without a bar has none."""
        return Result(f"{self.name}-{mode}", self.title, self.unit, self.bars.get(mode), {"fpmd": self.servers[mode]}, self.ratios.get(mode))

    def by_bar(self):
        return [self.of_bar(mode) for mode in self.bars if mode in self.servers]

    def with_numbers(self, found):
        """This row with the numbers of one that has been written down, by recorded()."""
        self.servers, self.ratios = ({mode: Spread.of_json(spread) for mode, spread in found[what].items()} for what in ("servers", "ratios"))
        return self

    def recorded(self):
        return {"row": self.name, **{what: {mode: s.ends() for mode, s in getattr(self, what).items()} for what in ("servers", "ratios")}}
