"""A phone's day through the bindings: enrol, check in, sync, observe, and all is there after a restart.

Driven by python.rs, which makes the bindings and a server. Arguments: the folder of the bindings, a
folder for the phone, an invitation's link.
"""

import sys
import threading

bindings, folder, link = sys.argv[1:4]
sys.path.insert(0, bindings)

import askel_ffi as askel  # noqa: E402

DATABASE = folder + "/askel.db"
PLACE = 1
BUDGET_MS = 30_000


class KeyStore(askel.KeyStore):
    """As an app wraps the platform's."""

    def __init__(self):
        self.secret = None

    def load(self):
        return self.secret

    def save(self, secret):
        self.secret = secret


class BrokenKeyStore(askel.KeyStore):
    def load(self):
        raise askel.KeyStoreFailure.Unavailable("locked")

    def save(self, secret):
        raise RuntimeError("not reached")


class Observer(askel.Observer):
    def __init__(self):
        self.seen = []
        self.synced = threading.Event()

    def changed(self, change):
        self.seen.append(change)
        if change.is_SYNCED():
            self.synced.set()


def refused(error, call, *arguments):
    try:
        call(*arguments)
    except error as refusal:
        return refusal
    raise AssertionError(f"{call} was not refused with {error}")


refused(askel.AskelError.RetryLater, askel.Client.open, DATABASE, BrokenKeyStore())
key_store = KeyStore()
phone = askel.Client.open(DATABASE, key_store)
assert len(key_store.secret) == 64
refused(askel.AskelError.EnrolAgain, phone.check_in, PLACE)
refused(askel.AskelError.FixInput, phone.enrol, "https://example.org")

enrolled = phone.enrol(link)
assert enrolled.role == askel.Role.PARTICIPANT and enrolled.active
observer = Observer()
phone.observe(observer)
first = phone.sync(BUDGET_MS)
assert not first.budget_spent and phone.catalog_version() == 1
assert [place.name for place in phone.places()] == ["The Basement"]

checked_in = phone.check_in(PLACE)
assert not checked_in.already_here
assert [(award.name, award.confirmed) for award in checked_in.new_awards] == [("First visit", False)]
assert phone.check_in(PLACE).already_here
assert phone.status().pending == 1
refused(askel.AskelError.FixInput, phone.check_in, 99)

observer.synced.clear()
report = phone.sync(BUDGET_MS)
assert (report.accepted, report.rejected) == (1, 0), report
if not report.confirmed_awards:
    report = phone.sync(BUDGET_MS)
assert [award.name for award in report.confirmed_awards] == ["First visit"], report
assert observer.synced.wait(timeout=30), "the observer was not told"
kinds = {type(change).__name__.rpartition(".")[2] for change in observer.seen}
assert {"CATALOG", "AWARD_SHOWN", "SYNCED"} <= kinds, kinds

# It wants to be woken, then not any more, then with another token after all.
assert phone.push_wish() is None
quiet = askel.QuietHours(from_minute=1_320, until_minute=420)
wish = askel.PushWish(token="a-first-token", quiet_hours=quiet, time_zone="Etc/UTC")
phone.want_push(wish)
assert phone.push_wish() == wish and "token" not in repr(phone.status())
phone.sync(BUDGET_MS)
phone.want_no_push()
assert phone.push_wish() is None
phone.sync(BUDGET_MS)
last = askel.PushWish(token="a-token-out-of-python", quiet_hours=None, time_zone=None)
phone.want_push(last)
phone.sync(BUDGET_MS)
for token, hours in [("", None), ("a b", None), ("t", askel.QuietHours(from_minute=60, until_minute=60))]:
    bad = askel.PushWish(token=token, quiet_hours=hours, time_zone=None)
    refused(askel.AskelError.FixInput, phone.want_push, bad)

source = bytes(range(16))
readings = [askel.StepReading(at_ms=1_460_453_400_000, count=1_200)]
assert phone.record_steps(source, askel.Measure.STEPS, readings).written == 1
assert phone.record_steps(source, askel.Measure.STEPS, readings).unchanged == 1
assert [day.count for day in phone.day_steps(askel.Measure.STEPS)] == [1_200]
sheet = phone.create_recovery_sheet()
assert sheet.startswith("askel:")

assert phone.rejected() == [] and phone.status().notice is None
refused(askel.AskelError.FixInput, phone.discard, b"short")
refused(askel.AskelError.FixInput, phone.resubmit, bytes(16))
refused(askel.AskelError.FixInput, phone.check_in_with_code, PLACE, b"")
assert phone.check_in_with_code(PLACE, b"a poster").already_here in (True, False)

# Steps, perhaps a check-in with its proof: unconfirmed, and so in the lifeboat.
frames = phone.lifeboat(2_900)
assert len(frames) == 1 and len(frames[0]) <= 2_900
assert phone.carry_file(phone.lifeboat_file()) == 1
phone.carry(frames[0])
assert phone.status().carried == 2

del phone
again = askel.Client.open(DATABASE, key_store)
assert again.enrolled().participant == enrolled.participant
assert [award.confirmed for award in again.awards()] == [True]
# `pass` is a word of Python's own.
assert again._pass().startswith("ASKEL:PASS:1:")
assert again.push_wish() == last
del again
restored = askel.Client.open(DATABASE, KeyStore())
assert restored.enrolled() is None and restored.status().carried >= 1
assert restored.status().notice
restored.dismiss_notice()
assert restored.status().notice is None
sys.stdout.write("the phone is fine\n")
