"""One mail transaction by BDAT without sockets: every answer at every place, and what it means to each recipient."""

import pytest

from pipeline.delivery.smtp.bdat import BdatTransaction
from pipeline.delivery.smtp.capabilities import Capabilities, read_capabilities
from pipeline.delivery.smtp.reply import GarbageError, Reply
from pipeline.delivery.smtp.transaction import Envelope, Stage
from pipeline.delivery.verdict import Phase

A, B, C = "a@example.com", "b@example.com", "c@example.com"
OFFERED = Capabilities(pipelining=True, size=1000, eight_bit=True, chunking=True)
CUTS = ["closed", "reset", "timeout", "garbage"]


def sent(*recipients: str, whole: bool = True, behind: bool = False, split_before=()) -> BdatTransaction:
    """A transaction whose every octet may have left, or, if not `whole`, all but the last."""
    envelope = Envelope("s@example.com", recipients or (A,), 10, eight_bit=False)
    transaction = BdatTransaction(envelope, OFFERED, split_before=frozenset(split_before))
    assert transaction.start() == b""
    transaction.send_body(behind=behind)
    if whole:
        transaction.dot_possible()
    return transaction


def hear(transaction: BdatTransaction, *replies: str) -> BdatTransaction:
    for reply in replies:
        code, _, text = reply.partition(" ")
        enhanced, _, rest = text.partition(" ") if text[:2] in {"2.", "4.", "5."} else ("", "", text)
        assert transaction.feed(Reply(int(code), enhanced, rest)) == b""
    return transaction


def actions(transaction: BdatTransaction) -> dict[str, str]:
    return {who: str(verdict.action) for who, verdict in transaction.verdicts.items()}


def kinds(transaction: BdatTransaction) -> dict[str, str]:
    return {who: str(verdict.kind) for who, verdict in transaction.verdicts.items()}


# --- what is said -------------------------------------------------------------------------------------------


def test_a_server_says_that_it_offers_it():
    assert read_capabilities([b"x", b"PIPELINING", b"chunking"]).chunking
    assert not read_capabilities([b"x", b"PIPELINING", b"BINARYMIME"]).chunking


def test_everything_up_to_the_chunk_is_one_write_and_everybody_is_at_stake():
    offers = Capabilities(pipelining=True, size=0, eight_bit=True, chunking=True, dsn=True)
    envelope = Envelope("s@example.com", (A, "grüße@example.com", B), 1234, eight_bit=True, message_id="<k@x>")
    transaction = BdatTransaction(envelope, offers)
    transaction.start()
    assert transaction.stage is Stage.READY
    assert list(transaction.at_stake) == [A, B]
    assert transaction.send_body(behind=False).decode().split("\r\n") == [
        "MAIL FROM:<s@example.com> SIZE=1234 BODY=8BITMIME RET=HDRS ENVID=k@x",
        f"RCPT TO:<{A}> NOTIFY=FAILURE,DELAY ORCPT=rfc822;{A}",
        f"RCPT TO:<{B}> NOTIFY=FAILURE,DELAY ORCPT=rfc822;{B}",
        "BDAT 1234 LAST",
        "",
    ]
    assert kinds(transaction) == {"grüße@example.com": "CAPABILITY"}


def test_behind_another_letter_it_begins_with_rset():
    envelope = Envelope("", (A,), 10, eight_bit=False)
    transaction = BdatTransaction(envelope, OFFERED)
    transaction.start()
    assert transaction.send_body(behind=True).startswith(b"RSET\r\nMAIL FROM:<> SIZE=10\r\n")
    assert kinds(hear(transaction, "250 ok", "250 ok", "250 ok")) == {}
    transaction.dot_possible()
    assert kinds(hear(transaction, "250 taken")) == {A: "OK"}


def test_what_cannot_be_sent_is_not_offered():
    transaction = BdatTransaction(Envelope("s@example.com", (A,), 1001, False), OFFERED)
    assert transaction.done
    assert transaction.start() == b""
    assert transaction.verdicts[A].rule == "local-size"


# --- what is answered ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "expected", "over", "unwilling"),
    [
        # all is well, or some recipients are refused
        (["250", "250", "250", "250 2.0.0 queued"], {A: "OK accept", B: "OK accept"}, False, False),
        (["250", "251", "550 5.1.1 no", "250"], {A: "OK accept", B: "PERM_RCPT fail"}, False, False),
        (["250", "450 4.2.1 busy", "250", "250"], {A: "TRANSIENT retry", B: "OK accept"}, False, False),
        (["250", "250", "452 4.5.3 too many", "250"], {A: "OK accept", B: "RATE split"}, False, False),
        (["250", "452 4.5.3 too many", "250", "250"], {A: "TRANSIENT retry", B: "OK accept"}, False, False),
        # nobody is accepted: BDAT fails whatever it says, and who was refused stays refused
        (["250", "550 5.1.1", "550 5.1.1", "503 5.5.1"], {A: "PERM_RCPT fail", B: "PERM_RCPT fail"}, False, False),
        (["250", "550 5.1.1", "450 4.2.0", "554 5.5.1"], {A: "PERM_RCPT fail", B: "TRANSIENT retry"}, False, False),
        (["250", "550 5.1.1", "450 4.2.0", "250 ok"], {A: "PERM_RCPT fail", B: "TRANSIENT retry"}, False, False),
        # MAIL is refused
        (["451 4.3.0 later", "503", "503", "503 5.5.1"], {A: "TRANSIENT retry", B: "TRANSIENT retry"}, False, False),
        (["550 5.7.1 no", "503", "503", "554 5.5.1"], {A: "PERM_SENDER wait", B: "PERM_SENDER wait"}, False, False),
        (["503 5.5.1 order", "503", "503", "503"], {A: "PROTOCOL retry", B: "PROTOCOL retry"}, True, False),
        (["555 5.5.4 no SIZE", "503", "503", "503"], {A: "CAPABILITY plain", B: "CAPABILITY plain"}, False, False),
        (["421 4.7.0 slow down", "421", "421", "421"], {A: "RATE pause", B: "RATE pause"}, False, False),
        # the letter is refused
        (["250", "250", "250", "451 4.3.0 later"], {A: "TRANSIENT retry", B: "TRANSIENT retry"}, False, False),
        (["250", "250", "250", "552 5.3.4 big"], {A: "PERM_MSG fail", B: "PERM_MSG fail"}, False, False),
        (["250", "250", "250", "554 5.7.1 spam"], {A: "PERM_MSG fail", B: "PERM_MSG fail"}, False, False),
        (["250", "250", "250", "503 5.5.1 order"], {A: "PROTOCOL retry", B: "PROTOCOL retry"}, True, False),
        (["250", "250", "503 order", "250"], {A: "OK accept", B: "PROTOCOL retry"}, True, False),
        # BDAT is not known after all
        (["250", "250", "250", "500 what"], {A: "CAPABILITY again", B: "CAPABILITY again"}, True, True),
        (["250", "250", "250", "502 5.5.1 what"], {A: "CAPABILITY again", B: "CAPABILITY again"}, True, True),
        (["250", "250", "550 5.1.1", "504 what"], {A: "CAPABILITY again", B: "PERM_RCPT fail"}, True, True),
        (["250", "250", "250", "501 5.5.4 syntax"], {A: "CAPABILITY again", B: "CAPABILITY again"}, True, True),
        (["451 4.3.0", "503", "503", "500 what"], {A: "TRANSIENT retry", B: "TRANSIENT retry"}, True, True),
    ],
)  # fmt: skip
def test_each_answer_has_its_meaning(answers, expected, over, unwilling):
    transaction = hear(sent(A, B), *answers)
    assert transaction.done
    assert {who: f"{v.kind} {v.action}" for who, v in transaction.verdicts.items()} == expected
    assert (transaction.session_over, bool(transaction.unwilling)) == (over, unwilling)


@pytest.mark.parametrize(
    "answers",
    [
        ["354"], ["220 hello"], ["250", "354"], ["250", "220"], ["250", "250", "250", "354 go"],
        ["250 2.1.0", "250 2.1.5", "250 2.1.5", "250 2.1.5 recipient ok"],
        ["550 5.7.1 no", "250 granted"], ["550 5.7.1 no", "503", "503", "250 taken"],
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_means_that_nobody_knows(answers):
    transaction = sent(A, B)
    with pytest.raises(GarbageError):
        hear(transaction, *answers)
    transaction.lost("garbage", "desync", excused=False)
    assert actions(transaction) == {A: "ask", B: "ask"}
    assert transaction.session_over


@pytest.mark.parametrize("reply", ["500 5.5.2 From: what", "550 no", "354 go"])
def test_rset_that_is_not_granted_is_no_answer_to_rset(reply):
    """It is where a server is caught that reads the chunk before it as commands."""
    with pytest.raises(GarbageError):
        hear(sent(A, behind=True), reply)


def test_too_many_recipients_is_not_believed_twice_running():
    assert actions(hear(sent(A, B, split_before=[B]), "250", "250", "452 4.5.3 many", "250"))[B] == "retry"


def test_an_answer_that_nobody_asked_for_is_garbage():
    transaction = BdatTransaction(Envelope("s@example.com", (A,), 10, False), OFFERED)
    transaction.start()
    with pytest.raises(GarbageError, match="nobody asked for"):
        hear(transaction, "250 surprise")


# --- a chunk that has not left yet --------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "kind"), [("552 5.3.4 big", "PERM_MSG"), ("451 4.3.0 full", "TRANSIENT")])
def test_a_refusal_in_the_middle_of_the_chunk_counts_and_ends_the_session(code, kind):
    transaction = hear(sent(A, whole=False), "250", "250", code)
    assert kinds(transaction) == {A: kind}
    assert transaction.session_over


def test_nothing_can_be_taken_before_it_has_left():
    transaction = sent(A, whole=False)
    with pytest.raises(GarbageError, match="before the message had ended"):
        hear(transaction, "250", "250", "250 taken")
    transaction.lost("garbage", "desync", excused=False)
    assert actions(transaction) == {A: "retry"}


# --- the connection is lost ---------------------------------------------------------------------------------


@pytest.mark.parametrize("event", CUTS)
@pytest.mark.parametrize("heard", range(3))
def test_once_the_last_octet_may_have_left_nobody_knows(event, heard):
    transaction = hear(sent(A), *["250 ok"] * heard)
    transaction.lost(event, "gone", excused=True)
    assert actions(transaction) == {A: "ask"}
    assert transaction.verdicts[A].phase is Phase.DOT
    assert transaction.session_over


@pytest.mark.parametrize("event", CUTS)
@pytest.mark.parametrize("heard", range(3))
def test_before_that_it_was_not_taken(event, heard):
    transaction = hear(sent(A, whole=False), *["250 ok"] * heard)
    transaction.lost(event, "gone", excused=False)
    assert actions(transaction) == {A: "retry"}


def test_a_letter_that_the_connection_broke_over_before_it_was_read_is_not_charged():
    transaction = sent(A, whole=False)
    transaction.lost("closed", "gone", excused=True)
    assert actions(transaction) == {A: "again"}


@pytest.mark.parametrize("event", CUTS)
def test_a_refused_mail_or_recipient_stays_refused(event):
    refused = hear(sent(A, B), "550 5.7.1 no")
    refused.lost(event, "gone", excused=False)
    assert kinds(refused) == {A: "PERM_SENDER", B: "PERM_SENDER"}
    partly = hear(sent(A, B), "250", "550 5.1.1 no")
    partly.lost(event, "gone", excused=False)
    assert actions(partly) == {A: "fail", B: "ask"}


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ([], {A: "again", B: "again"}),
        (["421 closing"], {A: "pause", B: "pause"}),
        (["250", "421 closing"], {A: "wait", B: "again"}),
        (["250", "250", "421 closing"], {A: "again", B: "wait"}),
    ],
)
def test_after_421_nothing_was_taken(heard, expected):
    transaction = hear(sent(A, B), *heard)
    assert not transaction.done
    transaction.lost("reset", "gone", excused=False, announced=True)
    assert actions(transaction) == expected


def test_the_patience_is_that_with_a_final_dot():
    assert sent(A, whole=False).phase is Phase.BODY
    assert hear(sent(A), "250 ok").phase is Phase.DOT
