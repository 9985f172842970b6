"""What a unit asks for and what a worker offers: cpu, memory and named generic resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .record import record

CPU = "cpu"
MEM = "mem"


@record
class Resources:
    """An amount of every resource; what is not named is zero.

    Attributes:
        cpu_milli: Thousandths of a cpu.
        mem_bytes: Bytes of memory.
        generic: (name, amount in thousandths) of gpus, licences and the like, sorted by name, no zero amounts.
    """

    cpu_milli: int = 0
    mem_bytes: int = 0
    generic: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, cpu_milli: int, mem_bytes: int, generic: Mapping[str, int]) -> Resources:
        """Return an amount; of the generic resources some may be zero."""
        if not generic:
            return cls(cpu_milli, mem_bytes)
        return cls(cpu_milli, mem_bytes, tuple(sorted([item for item in generic.items() if item[1]])))

    def items(self) -> Iterator[tuple[str, int]]:
        """Yield (resource name, amount) of everything that is not zero, cpu and mem first."""
        if self.cpu_milli:
            yield CPU, self.cpu_milli
        if self.mem_bytes:
            yield MEM, self.mem_bytes
        yield from self.generic

    def amount(self, name: str) -> int:
        """Return the amount of one resource, zero if there is none."""
        if name == CPU:
            return self.cpu_milli
        if name == MEM:
            return self.mem_bytes
        return dict(self.generic).get(name, 0)

    def fits(self, room: Resources) -> bool:
        """Whether this request fits into ``room``."""
        if self.cpu_milli > room.cpu_milli or self.mem_bytes > room.mem_bytes:
            return False
        return not self.generic or all(amount <= room.amount(name) for name, amount in self.generic)

    def plus(self, other: Resources) -> Resources:
        """Return the sum, resource by resource."""
        return self._combine(other, 1)

    def minus(self, other: Resources) -> Resources:
        """Return the difference, resource by resource; amounts may become negative."""
        return self._combine(other, -1)

    def times(self, factor: int) -> Resources:
        """Return this amount ``factor`` times."""
        generic = tuple((name, amount * factor) for name, amount in self.generic)
        return Resources(self.cpu_milli * factor, self.mem_bytes * factor, generic)

    def short_of(self, room: Resources) -> tuple[str, ...]:
        """Return the names of the resources of which ``room`` has too little for this request."""
        return tuple(name for name, amount in self.items() if amount > room.amount(name))

    def _combine(self, other: Resources, sign: int) -> Resources:
        generic = self.generic
        if other.generic:
            amounts = dict(generic)
            for name, amount in other.generic:
                amounts[name] = amounts.get(name, 0) + sign * amount
            generic = tuple(sorted((name, amount) for name, amount in amounts.items() if amount))
        return Resources(self.cpu_milli + sign * other.cpu_milli, self.mem_bytes + sign * other.mem_bytes, generic)


NOTHING = Resources()


def format_amount(name: str, amount: int) -> str:
    """Return an amount as people write it: ``4 cpu``, ``1.5 cpu``, ``8 GB mem``, ``2 gpu``."""
    if name == MEM:
        for unit_bytes, unit in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
            if amount >= unit_bytes:
                return f"{_thousandths(amount * 1000 // unit_bytes)} {unit} {name}"
        return f"{amount} B {name}"
    return f"{_thousandths(amount)} {name}"


def _thousandths(milli: int) -> str:
    whole, rest = divmod(abs(milli), 1000)
    sign = "-" if milli < 0 else ""
    return f"{sign}{whole}.{rest:03d}".rstrip("0").rstrip(".")
