"""JD Cloud Kafka through JD Cloud's own Python SDK: all five operations and their refusals.

The law is the vendor page "createInstance"; answer trees are those of the SDK's models.
"""

import base64
import json
from dataclasses import dataclass

from jdcloud_sdk.core.config import Config
from jdcloud_sdk.core.credential import Credential
from jdcloud_sdk.core.logger import ERROR, Logger
from jdcloud_sdk.services.charge.models.ChargeSpec import ChargeSpec
from jdcloud_sdk.services.kafka.apis.CreateInstanceRequest import CreateInstanceParameters, CreateInstanceRequest
from jdcloud_sdk.services.kafka.apis.DeleteInstanceRequest import DeleteInstanceParameters, DeleteInstanceRequest
from jdcloud_sdk.services.kafka.apis.DescribeInstanceRequest import DescribeInstanceParameters, DescribeInstanceRequest
from jdcloud_sdk.services.kafka.apis.DescribeInstancesRequest import (
    DescribeInstancesParameters,
    DescribeInstancesRequest,
)
from jdcloud_sdk.services.kafka.apis.ModifyInstanceSpecRequest import (
    ModifyInstanceSpecParameters,
    ModifyInstanceSpecRequest,
)
from jdcloud_sdk.services.kafka.client.KafkaClient import KafkaClient
from jdcloud_sdk.services.kafka.models.InstanceClassSpec import InstanceClassSpec
from jdcloud_sdk.services.kafka.models.InstanceSpec import InstanceSpec
from jdcloud_sdk.services.kafka.models.ReqExtension import ReqExtension
from jdcloud_sdk.services.vpc.apis.DescribeSubnetsRequest import DescribeSubnetsParameters, DescribeSubnetsRequest
from jdcloud_sdk.services.vpc.apis.DescribeVpcsRequest import DescribeVpcsParameters, DescribeVpcsRequest
from jdcloud_sdk.services.vpc.client.VpcClient import VpcClient

import records
import suite
from suite import SANDBOX, Credentials, Maybe, account_with, check, equal, expect_tree, unique, wait_until

REGION = "cn-north-1"
AZ = "cn-north-1a"
INSTANCE_TREE = {
    "instanceId": str,
    "instanceName": str,
    "instanceVersion": str,
    "instanceStatus": str,
    "createTime": str,
    "vpcId": str,
    "subnetId": str,
    "ipVersion": Maybe(str),
    "azId": [str],
    "instanceClass": [
        {
            "role": str,
            "nodeClassCode": str,
            "nodeCpu": int,
            "nodeMemoryGB": int,
            "nodeCount": int,
            "nodeDiskType": str,
            "nodeDiskGB": int,
        }
    ],
    "charge": {
        "chargeMode": str,
        "chargeStatus": str,
        "chargeStartTime": str,
        "chargeExpiredTime": str,
        "chargeRetireTime": str,
    },
    "tags": Maybe(list),
    "extension": {"internalEndpoint": {"brokerEndpoint": [str], "zkEndpoint": list}, "managerUrl": Maybe(str)},
}


@dataclass
class Refusal(Exception):
    """The `error` object of an answer. JD's SDK does not raise; it hands the object to its caller."""

    code: int
    status: str
    message: str

    def __str__(self) -> str:
        return f"{self.code} {self.status}: {self.message}"


def send(request, credentials: Credentials = SANDBOX, service: type = KafkaClient):
    """Sends a request with the SDK; returns `result`, or raises the error that the SDK decoded."""
    credential = Credential(credentials.key_id, credentials.secret)
    answer = service(credential, Config(suite.ENDPOINT, "http"), Logger(ERROR)).send(request)
    if answer.error is not None:
        expect_tree(answer.error.code, int, "error.code")
        raise Refusal(answer.error.code, answer.error.status, answer.error.message)
    expect_tree(answer.request_id, str, "requestId")
    return answer.result


def classes(count: int = 3, disk_gb: int = 100) -> list[InstanceClassSpec]:
    """Nodes of a class of the catalog."""
    return [InstanceClassSpec("broker", "kafka.broker.n1.xsmall", count, "ssd.io1", disk_gb)]


def buy(credentials: Credentials = SANDBOX, charge: ChargeSpec | None = None, **changes: object) -> dict:
    """createInstance; `changes` are fields of the InstanceSpec."""
    fields = {
        "vpcId": "vpc-acceptance",
        "subnetId": "subnet-acceptance",
        "instanceVersion": "1.0.2",
        "instanceName": unique("k"),
        "azId": [AZ],
        "instanceClassSpec": classes(),
        "extension": ReqExtension(72),
        **changes,
    }
    parameters = CreateInstanceParameters(REGION, InstanceSpec(**fields))
    if charge is not None:
        parameters.setCharge(charge)
    result = send(CreateInstanceRequest(parameters), credentials)
    expect_tree(result, {"instanceId": str, "buyId": str}, "result")
    return result


def describe(instance_id: str, credentials: Credentials = SANDBOX) -> dict:
    """describeInstance."""
    return send(DescribeInstanceRequest(DescribeInstanceParameters(REGION, instance_id)), credentials)["instance"]


def listed(filters: list[dict] | None = None, credentials: Credentials = SANDBOX, page_size: int = 100) -> dict:
    """describeInstances with filters."""
    parameters = DescribeInstancesParameters(REGION)
    parameters.setPageSize(page_size)
    if filters:
        parameters.setFilters(filters)
    return send(DescribeInstancesRequest(parameters), credentials)


def running(instance_id: str) -> dict:
    """Waits for the status running and returns the instance."""
    found = wait_until("running", lambda: (i := describe(instance_id))["instanceStatus"] == "running" and i)
    expect_tree(found, INSTANCE_TREE, "instance")
    return found


def refused(what: str, code: int, call) -> Refusal:
    """The call must be refused with this code, which is also the HTTP status."""
    try:
        answer = call()
    except Refusal as refusal:
        equal(f"{what}: code", refusal.code, code)
        if not refusal.status or not refusal.message:
            raise AssertionError(f"{what}: status or message is empty") from refusal
        return refusal
    raise AssertionError(f"{what}: accepted with {answer}")


@check
def three_brokers_are_bought_and_keep_ten_thousand_records() -> None:
    bought = buy(instanceName="acceptance_3-a")
    found = running(bought["instanceId"])
    wanted = {"role": "broker", "nodeClassCode": "kafka.broker.n1.xsmall", "nodeCpu": 2, "nodeMemoryGB": 8}
    wanted |= {"nodeCount": 3, "nodeDiskType": "ssd.io1", "nodeDiskGB": 100}
    equal("what was bought", found["instanceClass"], [wanted])
    names = (found["instanceName"], found["instanceVersion"], found["vpcId"], found["azId"])
    equal("names", names, ("acceptance_3-a", "1.0.2", "vpc-acceptance", [AZ]))
    charge = found["charge"]
    equal("charge", (charge["chargeMode"], charge["chargeStatus"], charge["chargeExpiredTime"]),
          ("postpaid_by_duration", "normal", ""))
    brokers = found["extension"]["internalEndpoint"]["brokerEndpoint"]
    equal("brokers", len(brokers), 3)
    topic = unique("topic")
    records.topic_create(",".join(brokers), topic)
    records.round_trip(",".join(brokers), topic)


@check
def brokers_stand_in_the_bought_zones() -> None:
    zones = [f"{REGION}{letter}" for letter in "abc"]
    found = running(buy(azId=zones, subnetId="subnet-zones")["instanceId"])
    brokers = found["extension"]["internalEndpoint"]["brokerEndpoint"]
    equal("racks", sorted(records.racks(",".join(brokers)).values()), zones)


@check
def the_retention_of_the_extension_is_in_force() -> None:
    found = running(buy(extension=ReqExtension(30))["instanceId"])
    brokers = found["extension"]["internalEndpoint"]["brokerEndpoint"]
    records.expect_settings(",".join(brokers), {"log.retention.ms": "108000000"})


@check
def a_prepaid_instance_has_an_end() -> None:
    bought = buy(charge=ChargeSpec(chargeMode="prepaid_by_duration", chargeUnit="year", chargeDuration=1))
    charge = running(bought["instanceId"])["charge"]
    equal("mode", charge["chargeMode"], "prepaid_by_duration")
    years = [int(charge[name][:4]) for name in ("chargeStartTime", "chargeExpiredTime")]
    equal("a year", years[1] - years[0], 1)
    refused("deleting before the end", 400, lambda: delete(bought["instanceId"]))


def delete(instance_id: str):
    """deleteInstance."""
    return send(DeleteInstanceRequest(DeleteInstanceParameters(REGION, instance_id)))


@check
def filters_choose_among_the_instances() -> None:
    account = account_with("1000")
    first, second = (buy(account, instanceName=name)["instanceId"] for name in ("alpha-1", "beta-2"))
    everything = listed(credentials=account)
    equal("all", (everything["totalCount"], {row["instanceId"] for row in everything["instances"]}), (2, {first, second}))
    cases = {
        "instanceId": ([first], {first}),
        "instanceName": (["eta"], {second}),
        "instanceVersion": (["1.0.2"], {first, second}),
        "chargeMode": (["prepaid_by_duration"], set()),
        "instanceStatus": (["creating", "running"], {first, second}),
    }
    for name, (values, wanted) in cases.items():
        rows = listed([{"name": name, "operator": "eq", "values": values}], account)["instances"]
        equal(f"filter {name}", {row["instanceId"] for row in rows}, wanted)
    page = listed(credentials=account, page_size=10)
    equal("page", (page["totalCount"], len(page["instances"])), (2, 2))


@check
def a_running_instance_grows() -> None:
    instance_id = buy()["instanceId"]
    running(instance_id)
    parameters = ModifyInstanceSpecParameters(REGION, instance_id, classes(disk_gb=200))
    result = send(ModifyInstanceSpecRequest(parameters))
    expect_tree(result, {"instanceId": str, "buyId": str}, "result")
    grown = lambda: describe(instance_id)["instanceClass"][0]["nodeDiskGB"] == 200
    wait_until("grown", grown)
    running(instance_id)


@check
def a_deleted_instance_is_absent() -> None:
    instance_id = buy()["instanceId"]
    running(instance_id)
    equal("result", delete(instance_id), None)

    def absent() -> bool:
        try:
            describe(instance_id)
        except Refusal as refusal:
            equal("code", refusal.code, 404)
            return True
        return False

    wait_until("404", absent)


@check
def networks_are_listed() -> None:
    vpcs = send(DescribeVpcsRequest(DescribeVpcsParameters(REGION)), service=VpcClient)
    subnets = send(DescribeSubnetsRequest(DescribeSubnetsParameters(REGION)), service=VpcClient)
    known = {vpc["vpcId"] for vpc in vpcs["vpcs"]}
    equal("networks and subnets", (bool(known), bool(subnets["subnets"])), (True, True))
    if not all(subnet["vpcId"] in known for subnet in subnets["subnets"]):
        raise AssertionError("a subnet of no network")


@check
def orders_against_the_rules_of_the_page_are_refused() -> None:
    prepaid = "prepaid_by_duration"
    scenario = lambda text: base64.b64encode(text.encode()).decode()
    cases = {
        "an empty name": {"instanceName": ""},
        "a name that begins with a digit": {"instanceName": "1st"},
        "a name with a dot": {"instanceName": "a.b"},
        "a name of 33 characters": {"instanceName": "a" * 33},
        "an unknown version": {"instanceVersion": "9.9"},
        "no zone": {"azId": []},
        "no classes": {"instanceClassSpec": []},
        "no network": {"vpcId": None},
        "an unknown class": {"instanceClassSpec": [InstanceClassSpec("broker", "kafka.none", 3, "ssd.io1", 100)]},
        "an unknown disk": {"instanceClassSpec": [InstanceClassSpec("broker", "kafka.broker.n1.xsmall", 3, "tape", 100)]},
        "an unknown role": {"instanceClassSpec": [InstanceClassSpec("chef", "kafka.broker.n1.xsmall", 3, "ssd.io1", 100)]},
        "a disk between two steps": {"instanceClassSpec": classes(disk_gb=105)},
        "ten months": {"charge": ChargeSpec(prepaid, "month", 10)},
        "four years": {"charge": ChargeSpec(prepaid, "year", 4)},
        "weeks": {"charge": ChargeSpec(prepaid, "week", 1)},
        "prepaid without a duration": {"charge": ChargeSpec(prepaid, "month")},
        "by usage": {"charge": ChargeSpec("postpaid_by_usage")},
        "a scenario that is no Base64": {"charge": ChargeSpec(buyScenario="{}")},
        "a scenario without activity": {"charge": ChargeSpec(buyScenario=scenario('{"a":1}'))},
        "a scenario without identifier": {"charge": ChargeSpec(buyScenario=scenario('{"activity":{"activityType":1}}'))},
    }
    account = account_with("1000000")
    for what, changes in cases.items():
        refusal = refused(what, 400, lambda: buy(account, **changes))
        equal(f"{what}: status", refusal.status, "INVALID_ARGUMENT")
    equal("instances", listed(credentials=account)["totalCount"], 0)


@check
def a_buy_scenario_of_the_documented_form_is_accepted() -> None:
    text = json.dumps({"activity": {"activityType": "promotion", "activityIdentifier": "autumn"}})
    buy(charge=ChargeSpec(buyScenario=base64.b64encode(text.encode()).decode()))


@check
def a_wrong_secret_and_an_unknown_key_are_refused() -> None:
    refused("wrong secret", 401, lambda: listed(credentials=Credentials(SANDBOX.key_id, "wrong")))
    refused("unknown key", 401, lambda: listed(credentials=Credentials("UNKNOWNKEY", "wrong")))


@check
def an_account_without_money_buys_nothing() -> None:
    poor = account_with("0.01")
    try:
        buy(poor)
    except Refusal as refusal:
        if "balance" not in f"{refusal.status} {refusal.message}".lower():
            raise AssertionError(f"the refusal does not speak of the balance: {refusal}") from refusal
    else:
        raise AssertionError("bought without money")
    equal("instances", listed(credentials=poor)["totalCount"], 0)


@check
def an_account_does_not_see_anothers_instances() -> None:
    mine = buy()["instanceId"]
    refused("a stranger", 404, lambda: describe(mine, account_with("100")))


if __name__ == "__main__":
    suite.run()
