"""Every stage times every misbehaviour times recipients and refusals, by BDAT, in the middle of a window of letters."""

import os

import pytest
from delivery_bench import make_letter
from fault_matrix import (
    CREDENTIALS,
    TLS_OFFERS,
    VARIANTS,
    check_deliveries,
    check_log,
    check_nothing_before_tls,
    deliver,
    misbehaviours,
    refused,
    script_for,
)
from scripted_smtp import CHUNKING, ScriptedServer, say

LETTERS = 6
WHEN = 3
"""Which letter meets the misbehaviour: the first one goes alone, the others stand behind one another."""
STAGES = ("mail", "rcpt", "body", "dot", "rset", "bdat")


def faults(stage: str):
    """Those of `fault_matrix`; `bdat` is the answer of a server that does not know it: the chunk are commands to it."""
    if stage == "bdat":
        return {code: say(f"{code} 5.5.1 what") for code in ("500", "502", "504")}
    return {name: act for name, act in misbehaviours(stage).items() if name != "a thousand lines"}


CASES = [(stage, name) for stage in STAGES for name in faults(stage)]


@pytest.mark.parametrize(("stage", "name"), CASES)
def test_the_invariants_hold_in_the_middle_of_a_window(bench, mailer, server_tls, stage, name):
    act = faults(stage)[name]
    step = 1 if os.environ.get("PIPELINE_FULL_MATRIX") else 4
    for number, (count, which) in list(enumerate(VARIANTS))[CASES.index((stage, name)) % step :: step]:
        letters = [[f"p{who}-{letter}-{number}@example.com" for who in range(count)] for letter in range(LETTERS)]
        # What is said unasked passes for an answer here; by DATA the 354 would tell. So nobody is refused then.
        bad = refused(letters[WHEN - 1], "none" if name == "extra line" else which)
        queued = [make_letter(100 * number + letter, people) for letter, people in enumerate(letters)]
        bench.queue(queued, on_uncertain="hold" if number % 4 >= 2 else "resend")
        secure = number % 2 == 1
        when = WHEN if stage != "rset" else WHEN - 1
        with ScriptedServer(
            script=script_for(stage, act, bad, when if stage != "rcpt" else (when - 1) * count + 1),
            offers=(*TLS_OFFERS, "CHUNKING") if secure else CHUNKING,
            tls=server_tls,
            credentials=CREDENTIALS,
            tolerant=True,
        ) as server:
            deliver(bench, mailer, server, secure=secure)
        where = f"{count} recipients, refuse {which}"
        check_deliveries(bench, server, {who for people in letters for who in people}, bad, where)
        if secure:
            check_nothing_before_tls(server, where)
    check_log(bench)
