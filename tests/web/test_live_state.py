"""What the live preview shows after which builds."""

import asyncio
from dataclasses import replace

from pipeline.ledger.records import Letter
from pipeline.web.live import Built, Live, first

LETTER = Letter("<1@x>", "a@x", ("ana@x",), b"Subject: x\r\n", b"x\r\n", b"<p>x</p>\r\n", (), "x")


class Builder:
    """Builds what it was told to, and keeps who was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error = ""
        self.subject = "one"

    def __call__(self, address: str) -> Built:
        self.asked.append(address)
        if self.error:
            return Built(error=self.error)
        return Built(replace(LETTER, subject=f"{self.subject} {address}"), (("ana@x",), ("bo@x",)))


def begun() -> tuple[Live, Builder]:
    build = Builder()
    return Live(build, first("", build(""))), build


def test_each_recipient_is_built_once_a_save() -> None:
    async def steps() -> None:
        live, build = begun()
        assert (await live.of("bo@x")).letter == replace(LETTER, subject="one bo@x")
        await live.of("")
        await live.of("bo@x")
        assert build.asked == ["", "bo@x"]
        build.subject = "two"
        await live.rebuild()
        shown = await live.of("")
        assert shown.letter == replace(LETTER, subject="two ")
        assert shown.version == 2
        assert build.asked == ["", "bo@x", "bo@x", ""]

    asyncio.run(steps())


def test_a_mistake_leaves_the_last_good_letter_until_it_is_mended() -> None:
    async def steps() -> None:
        live, build = begun()
        build.error = "jobs.yaml:1:1: no"
        await live.rebuild()
        shown = await live.of("")
        assert (shown.error, shown.letter) == ("jobs.yaml:1:1: no", replace(LETTER, subject="one "))
        assert (await live.of("bo@x")).letter is None
        build.error = ""
        await live.rebuild()
        assert (await live.of("bo@x")).error == ""

    asyncio.run(steps())


def test_those_who_wait_are_told_of_saves_alone() -> None:
    async def steps() -> None:
        live, _ = begun()
        waiting = asyncio.create_task(live.after(1))
        await live.of("bo@x")
        await asyncio.sleep(0)
        assert not waiting.done()
        await live.rebuild()
        assert await waiting == 2
        assert await live.after(1) == 2

    asyncio.run(steps())
