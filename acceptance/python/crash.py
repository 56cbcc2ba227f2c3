"""The server is aborted at every step between "order accepted" and "running" (and on the way out), then started
again: no order is lost, doubled or stuck, and money, instance and engine agree.

The binary is one with failpoints; `brokerage failpoints` names them. Purchases go through the vendors' own SDKs.
"""

import os
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path

import alikafka
import bss
import ckafka
import records
import suite
from server import BINARY, Server
from suite import Credentials, account_with, equal, unique, wait_until

DATA = Path(os.environ.get("DATA", "crash-data"))
BALANCE = Decimal(1000)
RECORDS = 200


@dataclass
class Case:
    """One abort: a server and its customer."""

    server: Server
    customer: Credentials


def failpoints() -> list[str]:
    """The names that the binary knows."""
    done = subprocess.run([BINARY, "failpoints"], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.split()


def begin(name: str, failpoint: str, passes: int = 0) -> Case:
    """A server that will abort at the failpoint after so many passes, and a customer with money."""
    folder = DATA / name
    shutil.rmtree(folder, ignore_errors=True)
    server = Server(folder)
    server.start(FAILPOINTS=f"{failpoint}={f'{passes}*off->' if passes else ''}return")
    try:
        return Case(server, account_with(str(BALANCE)))
    except BaseException:
        server.kill()
        raise


def attempt(call):
    """A call that the abort may cut off: its answer, or None. A refusal by the service is no abort."""
    try:
        return call()
    except Exception as error:  # each SDK has its own exception for a lost connection
        code = getattr(error, "code", None) or getattr(error, "error_code", None) or ""
        cut_off = ("ClientNetworkError", "ServerNetworkError", "SDK.HttpError", "SDK.InvalidRequest", "")
        if code not in cut_off:
            raise
        return None


def crashed(case: Case) -> None:
    """The server must have aborted, not ended in another way."""
    equal("how the server ended", case.server.ended(), -signal.SIGABRT)


def rows_of(customer: Credentials) -> list[dict]:
    """What the customer has."""
    return ckafka.call("DescribeInstancesDetail", {"Limit": 100}, customer)["Result"]["InstanceList"]


def all_running(customer: Credentials) -> list[dict]:
    """Waits until nothing that the customer has is on its way."""

    def settled() -> tuple[list[dict]] | None:
        rows = rows_of(customer)
        return (rows,) if all(row["Status"] == 1 for row in rows) else None

    return wait_until("everything running", settled)[0]


def expect_left(case: Case, spent: Decimal) -> None:
    """What is left of the balance, as the vendor tells it: to the fen, rounded down."""
    left = (BALANCE - spent).quantize(Decimal("0.01"), ROUND_FLOOR)
    equal("money left", bss.available(case.customer), left)


def expect_agreement(case: Case, rows: list[dict], price: Decimal) -> None:
    """Money, instances and engine say the same, with the server up and after a stop."""
    expect_left(case, price * len(rows))
    for row in rows:
        bootstrap, topic = f"{row['Vip']}:{row['Vport']}", unique("after")
        records.topic_create(bootstrap, topic)
        records.expect_records(bootstrap, topic, records.produce(bootstrap, topic, RECORDS))
    case.server.ledger_check()
    equal("status of a stop", case.server.stop(), 0)
    case.server.ledger_check()


def purchase_survives(failpoint: str) -> None:
    """A CKafka purchase, aborted at the failpoint."""
    case = begin(f"purchase-{failpoint}", failpoint)
    try:
        told = attempt(lambda: ckafka.buy(ckafka.PRO, case.customer))
        crashed(case)
        case.server.start()
        rows = all_running(case.customer)
        if told:
            equal("what was answered is there", [row["InstanceId"] for row in rows], ckafka.bought_ids(told))
        elif len(rows) > 1:
            raise AssertionError(f"one order became {len(rows)} instances")
        if failpoint in ("order_before_commit", "order_in_transaction"):
            equal("instances of an order that was not committed", len(rows), 0)
        else:
            equal("instances of a committed order", len(rows), 1)
        # The customer asks again where nothing came of it, and gets one.
        if not rows:
            ckafka.buy(ckafka.PRO, case.customer)
            rows = all_running(case.customer)
        expect_agreement(case, rows, Decimal(str(ckafka.price_of_an_hour())))
    finally:
        case.server.kill()


def batch_survives(failpoint: str) -> None:
    """Three instances of one order, aborted when the second passes the failpoint: all three run."""
    case = begin(f"batch-{failpoint}", failpoint, passes=1)
    try:
        told = attempt(lambda: ckafka.buy(ckafka.PRO, case.customer, InstanceNum=3))
        crashed(case)
        case.server.start()
        rows = all_running(case.customer)
        equal("instances", len(rows), 3)
        if told:
            equal("those of the answer", {row["InstanceId"] for row in rows}, set(ckafka.bought_ids(told)))
        expect_agreement(case, rows, Decimal(str(ckafka.price_of_an_hour())))
    finally:
        case.server.kill()


def token_survives(failpoint: str) -> None:
    """A BSS purchase with a token, aborted; the same call again gives the one order."""
    case = begin(f"token-{failpoint}", failpoint)
    try:
        token = unique("token")
        order = lambda: bss.buy(case.customer, ClientToken=token, **bss.POST)
        attempt(order)
        crashed(case)
        case.server.start()
        again = order()["Data"]
        equal("a third time", order()["Data"], again)
        equal("instances", [row["InstanceID"] for row in bss.listed(case.customer)], [again["InstanceId"]])
        expect_left(case, bss.hourly_price())
        bss.bootstrap_of(again["InstanceId"], case.customer)
        case.server.ledger_check()
    finally:
        case.server.kill()


def start_survives(failpoint: str) -> None:
    """An AliKafka order and its StartInstance, aborted at the failpoint."""
    case = begin(f"start-{failpoint}", failpoint)
    try:
        bought = attempt(lambda: bss.buy(case.customer, **bss.POST))
        if bought:
            attempt(lambda: bss.bootstrap_of(bought["Data"]["InstanceId"], case.customer))
        crashed(case)
        case.server.start()
        ids = [row["InstanceID"] for row in bss.listed(case.customer)]
        equal("instances", len(ids), 1)
        if bought:
            equal("what was answered", ids, [bought["Data"]["InstanceId"]])
        request = alikafka.GetInstanceListRequest()
        answer = alikafka.ask(alikafka.classic(case.customer), request, InstanceIds=ids)
        status = answer["InstanceList"]["InstanceVO"][0]["ServiceStatus"]
        # A start that was not committed is asked for again; one that was goes on by itself.
        bootstrap = bss.bootstrap_of(ids[0], case.customer) if status == alikafka.WAITING else endpoint(case, ids[0])
        topic = unique("after")
        records.topic_create(bootstrap, topic)
        records.expect_records(bootstrap, topic, records.produce(bootstrap, topic, RECORDS))
        expect_left(case, bss.hourly_price())
        case.server.ledger_check()
    finally:
        case.server.kill()


def endpoint(case: Case, instance_id: str) -> str:
    """Waits for an instance that is starting by itself."""

    def running() -> str | None:
        client = alikafka.classic(case.customer)
        answer = alikafka.ask(client, alikafka.GetInstanceListRequest(), InstanceIds=[instance_id])
        row = answer["InstanceList"]["InstanceVO"][0]
        return row["EndPoint"] if row["ServiceStatus"] == alikafka.RUNNING else None

    return wait_until("ServiceStatus 5", running)


def release_survives(failpoint: str) -> None:
    """A running instance is deleted, aborted at the failpoint: it ends, and its port with it."""
    case = begin(f"release-{failpoint}", failpoint)
    try:
        instance_id = ckafka.bought_ids(ckafka.buy(ckafka.PRO, case.customer))[0]
        row = all_running(case.customer)[0]
        attempt(lambda: ckafka.call("DeleteInstancePost", {"InstanceId": instance_id}, case.customer))
        crashed(case)
        case.server.start()
        wait_until("gone", lambda: not rows_of(case.customer))
        try:
            socket.create_connection((row["Vip"], int(row["Vport"])), timeout=5).close()
        except ConnectionRefusedError:
            pass
        else:
            raise AssertionError("a released instance still listens")
        # It ran within its first hour, which is charged whole.
        expect_left(case, Decimal(str(ckafka.price_of_an_hour())))
        case.server.ledger_check()
    finally:
        case.server.kill()


# Which scenario passes a failpoint; a purchase passes every other.
ON_START = ("start_",)
ON_RELEASE = ("reconcile_before_drop", "reconcile_after_drop", "record_end_")


def check_of(scenario, failpoint: str):
    """A check named as the sentence that it proves."""

    def body() -> None:
        scenario(failpoint)

    body.__name__ = f"{scenario.__name__}_an_abort_at_{failpoint}"
    body.__module__ = "__main__"
    return body


if __name__ == "__main__":
    for point in failpoints():
        if point.startswith(ON_START):
            suite.check(check_of(start_survives, point))
        elif point.startswith(ON_RELEASE):
            suite.check(check_of(release_survives, point))
        else:
            suite.check(check_of(purchase_survives, point))
            if point.startswith("order_"):
                suite.check(check_of(token_survives, point))
            else:
                suite.check(check_of(batch_survives, point))
                suite.check(check_of(start_survives, point))
    suite.run()
