"""Every stage times every misbehaviour times recipients and refusals, by DATA: what holds whatever a server does."""

import os

import pytest
from delivery_bench import make_letter
from fault_matrix import (
    CREDENTIALS,
    TLS_OFFERS,
    USUAL,
    VARIANTS,
    check_deliveries,
    check_log,
    check_nothing_before_tls,
    deliver,
    misbehaviours,
    refused,
    script_for,
)
from scripted_smtp import OFFERS, ScriptedServer

CASES = [(stage, name) for stage in USUAL for name in misbehaviours(stage)]


@pytest.mark.parametrize(("stage", "name"), CASES)
def test_the_invariants_hold(bench, mailer, server_tls, stage, name):
    act = misbehaviours(stage)[name]
    step = 1 if os.environ.get("PIPELINE_FULL_MATRIX") else 3
    for number, (count, which) in list(enumerate(VARIANTS))[CASES.index((stage, name)) % step :: step]:
        people = [f"person{n}-{number}@example.com" for n in range(count)]
        bad = refused(people, which)
        bench.queue([make_letter(number, people)], on_uncertain="hold" if number % 4 >= 2 else "resend")
        secure = number % 2 == 1
        with ScriptedServer(
            script=script_for(stage, act, bad),
            offers=TLS_OFFERS if secure else OFFERS,
            tls=server_tls,
            credentials=CREDENTIALS,
            tolerant=True,
        ) as server:
            deliver(bench, mailer, server, secure=secure)
        where = f"{count} recipients, refuse {which}"
        check_deliveries(bench, server, people, bad, where)
        if secure:
            check_nothing_before_tls(server, where)
    check_log(bench)
