"""One mail transaction without sockets: what is said, in which order, and what each answer means to each recipient."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.smtp.capabilities import Capabilities, Modesty
from pipeline.delivery.smtp.data import DataTransaction
from pipeline.delivery.smtp.reply import GarbageError, Reply
from pipeline.delivery.smtp.transaction import Envelope, Stage, Transaction, is_path
from pipeline.delivery.verdict import Action, Kind, Phase

A, B, C = "a@example.com", "b@example.com", "c@example.com"
PIPELINING = Capabilities(pipelining=True, size=1000, eight_bit=True)
PLAIN = Capabilities()


@dataclass
class Dialogue:
    """A transaction and what it has written."""

    transaction: Transaction
    written: list[str] = field(default_factory=list)

    def start(self):
        self._note(self.transaction.start())
        return self

    def hear(self, *replies: str):
        for reply in replies:
            code, _, text = reply.partition(" ")
            enhanced, _, rest = text.partition(" ") if text[:2] in {"2.", "4.", "5."} else ("", "", text)
            self._note(self.transaction.feed(Reply(int(code), enhanced, rest)))
        return self

    def send_body(self):
        self.transaction.send_body(behind=False)
        self.transaction.dot_possible()
        return self

    def kinds(self):
        return {who: str(verdict.kind) for who, verdict in self.transaction.verdicts.items()}

    def actions(self):
        return {who: str(verdict.action) for who, verdict in self.transaction.verdicts.items()}

    def _note(self, data: bytes):
        self.written += data.decode("ascii").split("\r\n")[:-1]


def begin(*recipients: str, server=PIPELINING, eight_bit=False, size=10, sender="s@example.com", split_before=()):
    envelope = Envelope(sender, recipients or (A,), size, eight_bit)
    return Dialogue(DataTransaction(envelope, server, split_before=frozenset(split_before))).start()


def test_with_pipelining_everything_up_to_data_is_one_write():
    said = begin(A, B)
    assert said.written == ["MAIL FROM:<s@example.com> SIZE=10", f"RCPT TO:<{A}>", f"RCPT TO:<{B}>", "DATA"]


def test_without_it_each_command_waits_for_its_answer():
    said = begin(A, B, server=PLAIN)
    assert said.written == ["MAIL FROM:<s@example.com>"]
    said.hear("250 ok")
    assert said.written[1:] == [f"RCPT TO:<{A}>"]
    said.hear("250 ok", "250 ok")
    assert said.written[2:] == [f"RCPT TO:<{B}>", "DATA"]
    said.hear("354 go")
    assert said.transaction.stage is Stage.READY


@pytest.mark.parametrize("server", [PIPELINING, PLAIN], ids=["pipelining", "one by one"])
class TestEitherWay:
    def test_all_accepted(self, server):
        said = begin(A, B, server=server).hear("250 ok", "250 ok", "250 ok", "354 go").send_body()
        said.hear("250 2.0.0 queued as 1")
        assert said.kinds() == {A: "OK", B: "OK"}
        assert said.transaction.verdicts[A].reply == "queued as 1"
        assert not said.transaction.session_over

    def test_the_refused_one_keeps_its_own_answer(self, server):
        said = begin(A, B, C, server=server)
        said.hear("250 ok", "250 ok", "550 5.1.1 unknown", "450 4.2.0 later", "354 go").send_body().hear("250 ok")
        assert said.kinds() == {A: "OK", B: "PERM_RCPT", C: "TRANSIENT"}

    def test_nobody_accepted_sends_no_body_and_cleans_up(self, server):
        said = begin(A, B, server=server).hear("250 ok", "550 5.1.1 no", "550 5.1.1 no")
        if server.pipelining:
            said.hear("554 5.5.1 no valid recipients")
        assert said.written[-1] == "RSET"
        said.hear("250 ok")
        assert said.transaction.done
        assert said.kinds() == {A: "PERM_RCPT", B: "PERM_RCPT"}
        assert not said.transaction.session_over

    def test_mail_refused_is_told_to_all_and_the_session_lives(self, server):
        said = begin(A, B, server=server).hear("451 4.3.0 later")
        if server.pipelining:
            said.hear("503 5.5.1 no", "503 5.5.1 no", "503 5.5.1 no")
        assert said.transaction.done
        assert said.kinds() == {A: "TRANSIENT", B: "TRANSIENT"}
        assert not said.transaction.session_over

    def test_421_at_mail_ends_the_session(self, server):
        said = begin(A, server=server).hear("421 4.3.0 bye")
        assert said.transaction.done
        assert said.transaction.session_over
        assert said.actions() == {A: "pause"}

    def test_421_in_the_middle_puts_the_accepted_ones_back(self, server):
        said = begin(A, B, C, server=server).hear("250 ok", "250 ok", "421 4.3.0 bye")
        assert said.actions() == {A: "again", B: "wait", C: "again"}
        assert said.transaction.session_over

    def test_data_refused_defers_the_accepted_and_cleans_up(self, server):
        said = begin(A, B, server=server).hear("250 ok", "250 ok", "550 5.1.1 no", "451 4.3.0 later")
        assert said.written[-1] == "RSET"
        said.hear("250 ok")
        assert said.kinds() == {A: "TRANSIENT", B: "PERM_RCPT"}

    def test_parameters_refused_are_to_be_left_out_on_the_same_session(self, server):
        offers = Capabilities(pipelining=server.pipelining, size=1000, eight_bit=True)
        said = begin(A, B, server=offers, eight_bit=True)
        assert said.written[0] == "MAIL FROM:<s@example.com> SIZE=10 BODY=8BITMIME"
        said.hear("555 5.5.4 unsupported", *["503 5.5.1 no"] * (3 if server.pipelining else 0))
        assert said.actions() == {A: "plain", B: "plain"}
        assert not said.transaction.session_over

    def test_what_is_refused_without_parameters_is_a_refusal(self, server):
        offers = Capabilities(pipelining=server.pipelining, size=1000, dsn=True).asked(Modesty.NO_PARAMETERS)
        said = begin(A, server=offers)
        assert said.written[0] == "MAIL FROM:<s@example.com>"
        said.hear("555 5.5.4 no", *["503 5.5.1 no"] * (2 if server.pipelining else 0))
        assert said.kinds() == {A: "PERM_SENDER"}

    def test_parameters_refused_at_one_recipient_do_not_hold_up_the_others(self, server):
        offers = Capabilities(pipelining=server.pipelining, dsn=True)
        said = begin(A, B, server=offers).hear("250 ok", "555 5.5.4 unsupported", "250 ok", "354 go")
        assert list(said.transaction.at_stake) == [B]
        said.send_body().hear("250 taken")
        assert said.actions() == {A: "plain", B: "accept"}

    def test_too_many_recipients_go_in_the_next_transaction(self, server):
        said = begin(A, B, C, server=server)
        said.hear("250 ok", "250 ok", "452 4.5.3 too many", "452 4.5.3 too many", "354 go").send_body().hear("250 ok")
        assert said.kinds()[A] == "OK"
        assert said.transaction.split == (B, C)

    def test_too_many_recipients_is_not_believed_of_the_first_nor_twice_running(self, server):
        first = begin(A, B, server=server).hear("250 ok", "452 4.5.3 too many")
        assert first.actions() == {A: "retry"}
        again = begin(A, B, server=server, split_before=[B]).hear("250 ok", "250 ok", "452 4.5.3 too many")
        assert again.actions() == {B: "retry"}

    def test_a_dot_that_is_refused_is_a_definite_answer(self, server):
        said = begin(A, server=server).hear("250 ok", "250 ok", "354 go").send_body().hear("552 5.3.4 too big")
        assert said.kinds() == {A: "PERM_MSG"}
        assert not said.transaction.session_over

    def test_nonsense_at_the_dot_is_uncertain(self, server):
        said = begin(A, server=server).hear("250 ok", "250 ok", "354 go").send_body().hear("354 what")
        assert said.actions() == {A: "ask"}
        assert said.transaction.session_over

    @pytest.mark.parametrize("event", ["closed", "reset", "timeout", "garbage"])
    def test_the_phase_decides_what_a_lost_connection_means(self, server, event):
        answers = ["250 ok", "250 ok", "354 go"]
        for heard in range(4):
            said = begin(A, server=server).hear(*answers[:heard])
            said.transaction.lost(event, "gone", excused=False)
            assert said.actions() == {A: "retry"}, heard
        said.transaction = begin(A, server=server).hear(*answers).send_body().transaction
        said.transaction.lost(event, "gone", excused=False)
        assert said.actions() == {A: "ask"}
        assert said.transaction.verdicts[A].phase is Phase.DOT

    def test_a_body_that_was_begun_but_not_ended_was_not_delivered(self, server):
        said = begin(A, server=server).hear("250 ok", "250 ok", "354 go")
        said.transaction.send_body(behind=False)
        said.transaction.lost("reset", "gone", excused=False)
        assert said.transaction.verdicts[A].phase is Phase.BODY
        assert said.actions() == {A: "retry"}

    def test_a_refusal_in_the_middle_of_the_body_counts_and_ends_the_session(self, server):
        said = begin(A, server=server).hear("250 ok", "250 ok", "354 go")
        said.transaction.send_body(behind=False)
        said.hear("552 5.3.4 too big")
        assert said.kinds() == {A: "PERM_MSG"}
        assert said.transaction.session_over

    def test_an_idle_connection_that_ended_is_nobodys_fault(self, server):
        said = begin(A, B, server=server)
        said.transaction.lost("closed", "gone", excused=True)
        assert said.actions() == {A: "again", B: "again"}

    def test_after_the_first_answer_there_is_no_excuse(self, server):
        said = begin(A, server=server).hear("250 ok")
        said.transaction.lost("closed", "gone", excused=True)
        assert said.actions() == {A: "retry"}

    def test_order_lost_ends_the_session(self, server):
        said = begin(A, server=server).hear("503 5.5.1 nested MAIL")
        if server.pipelining:
            said.hear("503 5.5.1 no", "503 5.5.1 no")
        assert said.kinds() == {A: "PROTOCOL"}
        assert said.transaction.session_over


def test_data_granted_although_nobody_was_accepted_gets_a_lone_dot():
    said = begin(A).hear("250 ok", "550 5.1.1 no", "354 go")
    assert said.written[-1] == "."
    said.hear("554 5.5.1 no recipients")
    assert said.transaction.done
    assert not said.transaction.session_over
    assert said.kinds() == {A: "PERM_RCPT"}


@pytest.mark.parametrize("event", ["closed", "reset", "timeout", "garbage"])
@pytest.mark.parametrize("heard", [[], ["503 5.5.1 no"], ["503 5.5.1 no", "354 go"]], ids=["MAIL", "RCPT", "DATA"])
def test_who_refuses_mail_and_hangs_up_has_said_why(heard, event):
    said = begin(A, B).hear("530 5.7.57 Client not authenticated to send mail", *heard)
    said.transaction.lost(event, "gone", excused=True)
    assert said.kinds() == {A: "AUTH", B: "AUTH"}
    assert said.transaction.session_over


def test_a_lone_dot_after_a_refused_mail_leaves_it_refused():
    said = begin(A).hear("555 5.5.4 no SIZE", "503 5.5.1 no", "354 go")
    assert said.written[-1] == "."
    said.hear("554 5.5.1 nothing")
    assert said.actions() == {A: "plain"}


def test_no_lone_dot_where_it_would_be_an_empty_mail():
    """MAIL is refused and an address accepted all the same: the server has not forgotten an older MAIL."""
    said = begin(A, B).hear("451 4.3.0 later", "250 2.1.5 ok", "503 5.5.1 no", "354 go")
    assert said.written[-1] == "DATA"
    assert said.transaction.session_over
    assert {str(verdict.phase) for verdict in said.transaction.verdicts.values()} == {"mail"}


def test_a_failing_rset_ends_the_session_and_changes_no_verdict():
    said = begin(A).hear("250 ok", "550 5.1.1 no", "554 5.5.1 none", "451 4.3.0 what")
    assert said.kinds() == {A: "PERM_RCPT"}
    assert said.transaction.session_over


@pytest.mark.parametrize("answers", [["250 ok", "250 ok", "250 what"], ["250 ok", "354 go"]])
def test_an_answer_that_cannot_be_ends_the_dialogue(answers):
    said = begin(A)
    with pytest.raises(GarbageError):
        said.hear(*answers, "354 go")
    said.transaction.lost("garbage", "desync", excused=False)
    assert said.actions() == {A: "retry"}


def test_an_answer_that_nobody_asked_for_is_garbage():
    said = begin(A).hear("250 ok", "250 ok", "354 go")
    with pytest.raises(GarbageError, match="nobody asked for"):
        said.hear("250 surprise")


def test_what_is_too_large_for_the_server_is_not_even_offered():
    said = begin(A, B, size=1001)
    assert said.written == []
    assert said.transaction.done
    assert {str(v.rule) for v in said.transaction.verdicts.values()} == {"local-size"}
    assert said.transaction.verdicts[A].enhanced == "5.3.4"
    assert "1001 octets; the server takes 1000" in said.transaction.verdicts[A].reply


def test_size_zero_is_no_limit():
    assert begin(A, size=10**9, server=Capabilities(size=0)).written == ["MAIL FROM:<s@example.com> SIZE=1000000000"]


def test_a_name_beyond_ascii_is_refused_alone():
    said = begin("grüße@example.com", B)
    assert f"RCPT TO:<{B}>" in said.written
    assert said.transaction.verdicts["grüße@example.com"].kind is Kind.CAPABILITY
    said.hear("250 ok", "250 ok", "354 go").send_body().hear("250 ok")
    assert said.transaction.verdicts[B].ok


@pytest.mark.parametrize(
    "bad",
    ["a@b>\r\nDATA", "a@b c", "a b@c", "a@b\n", "a\0@b", "<a@b>", "no-at", "@b", "a@", "a@b\x7f", "x" * 300 + "@b"],
)
def test_no_address_becomes_a_command(bad):
    assert not is_path(bad)
    said = begin(bad, B)
    assert said.written == ["MAIL FROM:<s@example.com> SIZE=10", f"RCPT TO:<{B}>", "DATA"]
    assert said.transaction.verdicts[bad].action is Action.FAIL
    assert begin(B, sender=bad).written == []


def test_the_null_sender_is_a_sender():
    assert begin(A, sender="").written[0] == "MAIL FROM:<> SIZE=10"


codes = st.sampled_from(
    ["250 ok", "354 go", "421 4.3.0 bye", "450 4.2.0 later", "452 4.5.3 too many", "452 full", "503 5.5.1 order",
     "550 5.1.1 no", "552 5.3.4 big", "554 5.7.1 no", "555 5.5.4 no", "251 ok", "220 what", "535 5.7.8 login"]
)  # fmt: skip


@given(
    recipients=st.lists(st.sampled_from([A, B, C]), min_size=1, unique=True),
    pipelining=st.booleans(),
    answers=st.lists(codes, max_size=12),
    event=st.sampled_from(["closed", "reset", "timeout", "garbage"]),
    sent=st.sampled_from(["nothing", "begun", "all"]),
)
def test_whatever_the_server_says_everybody_has_one_verdict_and_ok_means_a_2xx_after_the_dot(
    recipients, pipelining, answers, event, sent
):
    said = begin(*recipients, server=Capabilities(pipelining=pipelining, size=1000))
    transaction, heard_after_dot = said.transaction, []
    for answer in answers:
        if transaction.done:
            break
        if transaction.stage is Stage.READY and sent != "nothing":
            transaction.send_body(behind=False)
            if sent == "all":
                transaction.dot_possible()
        if transaction.stage is Stage.DOT:
            heard_after_dot.append(answer)
        try:
            said.hear(answer)
        except GarbageError as error:
            transaction.lost("garbage", str(error), excused=False)
    dot_was_possible = transaction.stage is Stage.DOT
    if not transaction.done:
        transaction.lost(event, "gone", excused=False)
    assert set(transaction.verdicts) == set(recipients)
    taken = {who for who, verdict in transaction.verdicts.items() if verdict.ok}
    assert bool(taken) == (bool(heard_after_dot) and heard_after_dot[0][0] == "2")
    assert taken <= set(transaction.accepted)
    uncertain = {who for who, verdict in transaction.verdicts.items() if verdict.action is Action.ASK}
    if uncertain:
        assert uncertain == set(transaction.accepted)
        assert dot_was_possible or heard_after_dot
