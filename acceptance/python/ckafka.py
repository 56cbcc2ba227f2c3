"""CKafka through Tencent Cloud's own Python SDK: the three examples of the page, use, refusals.

The law is the vendor page "CreatePostPaidInstance"; answer trees are those of the SDK's models.
"""

import copy
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tencentcloud.ckafka.v20190819 import models
from tencentcloud.ckafka.v20190819.ckafka_client import CkafkaClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.tag.v20180813 import models as tag_models
from tencentcloud.tag.v20180813.tag_client import TagClient
from tencentcloud.vpc.v20170312 import models as vpc_models
from tencentcloud.vpc.v20170312.vpc_client import VpcClient

import group
import records
import suite
from suite import SANDBOX, Credentials, Maybe, account_with, check, equal, expect_tree, refused, unique, wait_until

# The domestic site's region whose zones are 450001 and on is not named on the page; any region serves.
REGION = "ap-guangzhou"
# Calls a second that the page allows an account.
CALLS_PER_SECOND = 20

# Example 1 of the page: a pro edition.
PRO = {
    "InstanceName": "test55",
    "VpcId": "vpc-rmcgxxxx",
    "SubnetId": "subnet-mnzcxxxx",
    "ZoneId": 450001,
    "InstanceType": 1,
    "KafkaVersion": "2.4.2",
    "SpecificationsType": "profession",
    "DiskSize": 200,
    "BandWidth": 20,
    "Partition": 400,
    "DiskType": "CLOUD_BASIC",
    "PublicNetworkMonthly": 0,
}
# Example 2: three at once.
BATCH = {
    "InstanceName": "test58",
    "VpcId": "vpc-rmcg5cpf",
    "SubnetId": "subnet-mnzcs7gk",
    "KafkaVersion": "2.4.2",
    "SpecificationsType": "profession",
    "BandWidth": 20,
    "DiskSize": 200,
    "Partition": 400,
    "TopicNum": 200,
    "ZoneId": 450001,
    "InstanceNum": 3,
    "PublicNetworkMonthly": 12,
}
# Example 3: three zones.
MULTI_ZONE = {**PRO, "MultiZoneFlag": True, "ZoneIds": [450001, 450002, 450003]}

ORDER_TREE = {
    "RequestId": str,
    "Result": {
        "ReturnCode": str,
        "ReturnMessage": str,
        "Data": {
            "FlowId": int,
            "DealNames": [str],
            "InstanceId": str,
            "DealNameInstanceIdMapping": [{"DealName": str, "InstanceIdList": [str]}],
            "EventId": Maybe(str),
        },
    },
}
VIP = {"Vip": str, "Vport": str}
DETAIL_TREE = {
    "InstanceId": str,
    "InstanceName": str,
    "Vip": str,
    "Vport": str,
    "VipList": [VIP],
    "Status": int,
    "Bandwidth": int,
    "DiskSize": int,
    "ZoneId": int,
    "VpcId": str,
    "SubnetId": str,
    "RenewFlag": int,
    "Healthy": int,
    "HealthyMessage": str,
    "CreateTime": int,
    "ExpireTime": int,
    "IsInternal": int,
    "TopicNum": int,
    "Tags": list,
    "Version": str,
    "ZoneIds": [int],
    "Cvm": int,
    "InstanceType": str,
    "DiskType": str,
    "MaxTopicNumber": int,
    "MaxPartitionNumber": int,
    "RebalanceTime": str,
    "PartitionNumber": int,
    "PublicNetworkChargeType": str,
    "PublicNetwork": int,
    "ClusterType": str,
    "Features": list,
    "RetentionBytes": Maybe(int),
}


def _profile(**settings: str) -> ClientProfile:
    return ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=suite.ENDPOINT), **settings)


def client(credentials: Credentials = SANDBOX, **settings: str) -> CkafkaClient:
    """The CKafka client; signMethod chooses another signature than TC3-HMAC-SHA256."""
    return CkafkaClient(Credential(credentials.key_id, credentials.secret), REGION, _profile(**settings))


def call(action: str, parameters: dict, credentials: Credentials = SANDBOX, **settings: str) -> dict:
    """Calls an operation with the SDK's own model and returns the answer's tree."""
    connection = client(credentials, **settings)
    request = getattr(models, f"{action}Request")()
    request.from_json_string(json.dumps(parameters))
    answer = json.loads(getattr(connection, action)(request).to_json_string())
    return drop_null(answer)


def drop_null(tree):
    """The SDK prints fields that the answer left out as null; takes them out again."""
    if isinstance(tree, dict):
        return {name: drop_null(value) for name, value in tree.items() if value is not None}
    if isinstance(tree, list):
        return [drop_null(value) for value in tree]
    return tree


def buy(parameters: dict, credentials: Credentials = SANDBOX, **changes: object) -> dict:
    """CreatePostPaidInstance with some parameters changed; None leaves one out. Returns Result.Data."""
    parameters = {n: v for n, v in {**copy.deepcopy(parameters), **changes}.items() if v is not None}
    answer = call("CreatePostPaidInstance", parameters, credentials)
    expect_tree(answer, ORDER_TREE)
    result = answer["Result"]
    equal("return", (result["ReturnCode"], result["ReturnMessage"]), ("0", "ok[apply ok]"))
    data = result["Data"]
    mapping = data["DealNameInstanceIdMapping"]
    equal("FlowId", data["FlowId"], 0)
    equal("first instance", data["InstanceId"], mapping[0]["InstanceIdList"][0])
    equal("deals", data["DealNames"], [deal["DealName"] for deal in mapping])
    return data


def bought_ids(data: dict) -> list[str]:
    """The instance ids of the one deal."""
    equal("deals", len(data["DealNames"]), 1)
    return data["DealNameInstanceIdMapping"][0]["InstanceIdList"]


def detail(instance_id: str, credentials: Credentials = SANDBOX) -> dict | None:
    """The row of DescribeInstancesDetail, or None."""
    rows = call("DescribeInstancesDetail", {"InstanceId": instance_id}, credentials)["Result"]["InstanceList"]
    return rows[0] if rows else None


def running(instance_id: str) -> dict:
    """Waits for Status 1."""

    def row() -> dict | None:
        found = detail(instance_id)
        if found is None:
            raise AssertionError("a bought instance is not listed")
        return found if found["Status"] == 1 else None

    return wait_until("Status 1", row)


def use(instance_id: str) -> dict:
    """Waits, creates a topic through the API, and takes 10,000 records there and back."""
    row = running(instance_id)
    expect_tree(row, DETAIL_TREE, "InstanceDetail")
    topic = unique("topic")
    created = call(
        "CreateTopic", {"InstanceId": instance_id, "TopicName": topic, "PartitionNum": 3, "ReplicaNum": 2}
    )
    expect_tree(created, {"RequestId": str, "Result": {"TopicId": str}})
    listed = call("DescribeTopic", {"InstanceId": instance_id, "SearchWord": topic})["Result"]
    equal("topics", [(row["TopicName"], row["TopicId"]) for row in listed["TopicList"]],
          [(topic, created["Result"]["TopicId"])])
    records.round_trip(f"{row['Vip']}:{row['Vport']}", topic)
    return row


def code_of(error: TencentCloudSDKException) -> str:
    """The code that the SDK raises."""
    return error.get_code()


@check
def example_1_a_pro_edition() -> None:
    row = use(bought_ids(buy(PRO))[0])
    wanted = {"InstanceName": "test55", "DiskSize": 200, "ZoneId": 450001, "ZoneIds": [450001], "Version": "2.4.2"}
    wanted |= {"Bandwidth": 160, "DiskType": "CLOUD_BASIC", "InstanceType": "profession", "PublicNetwork": 3}
    wanted |= {"MaxPartitionNumber": 400, "ExpireTime": 0, "VpcId": "vpc-rmcgxxxx", "SubnetId": "subnet-mnzcxxxx"}
    equal("what was bought", {name: row[name] for name in wanted}, wanted)


@check
def example_2_three_in_one_deal() -> None:
    ids = bought_ids(buy(BATCH))
    equal("different instances", len(set(ids)), 3)
    rows = [use(instance_id) for instance_id in ids]
    names = {row["InstanceName"] for row in rows}
    equal("different names", len(names), 3)
    if not all(name.startswith("test58") for name in names):
        raise AssertionError(f"names {names} do not begin with the one that was asked")
    equal("public network", {row["PublicNetwork"] for row in rows}, {15})
    equal("bootstraps", len({row["Vport"] for row in rows}), 3)


@check
def example_3_three_zones() -> None:
    row = use(bought_ids(buy(MULTI_ZONE))[0])
    equal("zones", (row["ZoneId"], sorted(row["ZoneIds"])), (450001, [450001, 450002, 450003]))


@check
def brokers_stand_in_the_bought_zones_and_consumers_read_in_their_own() -> None:
    row = running(bought_ids(buy(MULTI_ZONE))[0])
    bootstrap, topic = f"{row['Vip']}:{row['Vport']}", unique("topic")
    racks = records.racks(bootstrap)
    equal("racks", sorted(racks.values()), ["450001", "450002", "450003"])
    call("CreateTopic", {"InstanceId": row["InstanceId"], "TopicName": topic, "PartitionNum": 1, "ReplicaNum": 2})
    (leader, follower), = records.replicas(bootstrap, topic)
    written = records.produce(bootstrap, topic, 100)
    for node in (leader, follower):
        sent = records.fetches(bootstrap, topic, racks[node], len(written))
        nearest = max(sent, key=sent.get)
        equal(f"who is read from in rack {racks[node]}, of {sent}", nearest, node)


@check
def elastic_bandwidth_goes_beyond_what_was_bought() -> None:
    # What 20 MB/s are for records that each of three replicas counts.
    bought = 20 * 2**20 / 3
    for switch, status, least, most in ((0, 1, 0.8, 1.15), (1, 32, 1.2, 1.55)):
        instance_id = bought_ids(buy(PRO, ElasticBandwidthSwitch=switch))[0]
        row, topic = running(instance_id), unique("topic")
        attributes = call("DescribeInstanceAttributes", {"InstanceId": instance_id})["Result"]
        shown = (attributes["ElasticBandwidthSwitch"], attributes["ElasticBandwidthOpenStatus"])
        equal("status", shown, (switch, status))
        call("CreateTopic", {"InstanceId": instance_id, "TopicName": topic, "PartitionNum": 1, "ReplicaNum": 3})
        rate = records.bytes_per_second(f"{row['Vip']}:{row['Vport']}", topic) / bought
        if not least <= rate <= most:
            raise AssertionError(f"{rate:.2f} times what was bought, switch {switch}")


@check
def what_is_set_of_an_instance_is_in_force() -> None:
    row = running(bought_ids(buy(PRO))[0])
    bootstrap = f"{row['Vip']}:{row['Vport']}"
    config = {"AutoCreateTopicEnable": True, "DefaultNumPartitions": 7, "DefaultReplicationFactor": 2}
    of_config = {"auto.create.topics.enable": "true", "num.partitions": "7", "default.replication.factor": "2"}
    for changes, wanted in (
        ({"MsgRetentionTime": 120}, {"log.retention.ms": "7200000"}),
        ({"MaxMessageByte": 2_000_000}, {"message.max.bytes": "2000000"}),
        ({"RetentionBytes": 1_073_741_824}, {"log.retention.bytes": "1073741824"}),
        ({"UncleanLeaderElectionEnable": 1}, {"unclean.leader.election.enable": "true"}),
        ({"UncleanLeaderElectionEnable": 0}, {"unclean.leader.election.enable": "false"}),
        ({"TransactionalIdExpirationMs": 3_600_000}, {"transactional.id.expiration.ms": "3600000"}),
        ({"Config": config}, of_config),
    ):
        call("ModifyInstanceAttributes", {"InstanceId": row["InstanceId"], **changes})
        records.expect_settings(bootstrap, wanted)


@check
def what_is_set_of_an_instance_is_met_by_clients() -> None:
    instance_id = bought_ids(buy(PRO))[0]
    row = running(instance_id)
    bootstrap, topic = f"{row['Vip']}:{row['Vport']}", unique("made")
    equal("before", records.delivery(bootstrap, topic, **SHORT), "UNKNOWN_TOPIC_OR_PART")
    config = {"AutoCreateTopicEnable": True, "DefaultNumPartitions": 5, "DefaultReplicationFactor": 2}
    modify(instance_id, Config=config)
    wait_until("made by producing", lambda: records.delivery(bootstrap, topic, **SHORT) == "done")
    made = records.replicas(bootstrap, topic)
    equal("partitions and replicas", (len(made), {len(of) for of in made}), (5, {2}))
    value = b"x" * 2_000_000
    equal("by default", records.delivery(bootstrap, topic, value), "MSG_SIZE_TOO_LARGE")
    modify(instance_id, MaxMessageByte=3_000_000)
    wait_until("taken", lambda: records.delivery(bootstrap, topic, value) == "done")


# How long a client looks for a topic that may be missing.
SHORT = {"topic.metadata.propagation.max.ms": 1_000, "message.timeout.ms": 10_000}


def modify(instance_id: str, **attributes: object) -> None:
    """ModifyInstanceAttributes."""
    call("ModifyInstanceAttributes", {"InstanceId": instance_id, **attributes})


@check
def name_protection_and_public_bandwidth_are_changed_while_clients_are_connected() -> None:
    instance_id = bought_ids(buy(PRO))[0]
    row = running(instance_id)
    bootstrap, topic = f"{row['Vip']}:{row['Vport']}", unique("topic")
    call("CreateTopic", {"InstanceId": instance_id, "TopicName": topic, "PartitionNum": 1, "ReplicaNum": 2})
    modify(instance_id, InstanceName="renamed", DeleteProtectionEnable=1)
    equal("name", detail(instance_id)["InstanceName"], "renamed")
    delete = lambda: call("DeleteInstancePost", {"InstanceId": instance_id})
    refused(delete, TencentCloudSDKException, code_of, "OperationDenied", "FailedOperation", "UnsupportedOperation")
    equal("protected", records.delivery(bootstrap, topic), "done")
    for mbit, routes in ((6, 1), (3, 0)):
        modify(instance_id, PublicNetwork=mbit)
        shown = lambda: (running(instance_id)["PublicNetwork"], len(call("DescribeRoute", {"InstanceId": instance_id})["Result"]["Routers"]))
        wait_until(f"{mbit} Mbit/s", lambda: shown() == (mbit, routes))
        equal(f"private beside {mbit} Mbit/s", records.delivery(bootstrap, topic), "done")
    modify(instance_id, DeleteProtectionEnable=0)
    delete()
    wait_until("gone", lambda: detail(instance_id) is None)


@check
def a_group_made_by_the_sdk_is_the_one_that_consumers_use() -> None:
    instance_id = bought_ids(buy(PRO))[0]
    row = running(instance_id)
    endpoint, topic, name = f"{row['Vip']}:{row['Vport']}", unique("topic"), unique("group")
    of = {"InstanceId": instance_id}
    call("CreateTopic", {**of, "TopicName": topic, "PartitionNum": 2, "ReplicaNum": 2})
    call("CreateConsumer", {**of, "GroupName": name, "TopicNameList": [topic]})
    group.write(endpoint, topic, 0, 25)
    group.commit(endpoint, name, topic, {0: 10})

    def partition() -> dict:
        told = call("DescribeGroupOffsets", {**of, "Group": name})["Result"]["TopicList"]
        return told[0]["Partitions"][0]

    equal("lag", (partition()["Lag"], partition()["LogEndOffset"]), (15, 25))
    shift = {**of, "Group": name, "Topics": [topic], "Strategy": 0, "Shift": -3}
    consumer = group.joined(endpoint, name, topic, "reader-of-acceptance")
    try:
        info = call("DescribeGroupInfo", {**of, "GroupList": [name]})["Result"][0]
        equal("while it is read", (info["State"], info["Members"][0]["ClientId"]), ("Stable", "reader-of-acceptance"))
        refused(lambda: call("ModifyGroupOffsets", shift), TencentCloudSDKException, code_of, "OperationDenied")
    finally:
        consumer.close()
    call("ModifyGroupOffsets", shift)
    equal("three before", group.committed(endpoint, name, topic, [0]), {0: 7})
    found = call("FetchMessageByOffset", {**of, "Topic": topic, "Partition": 0, "Offset": 7})["Result"]
    equal("the message there", (found["Key"], found["Value"]), ("key 7", "value 7"))
    listed = call("FetchMessageListByOffset", {**of, "Topic": topic, "Partition": 0, "Offset": 20})["Result"]
    equal("messages from there on", [row["Offset"] for row in listed], [20, 21, 22, 23, 24])
    call("DeleteGroup", {**of, "Group": name})
    gone = call("DescribeConsumerGroup", {**of, "GroupName": name})
    equal("afterwards", (gone.get("Result"), group.group_names(endpoint)), (None, []))


@check
def a_topic_is_changed_by_the_sdk_while_it_is_used() -> None:
    instance_id = bought_ids(buy(PRO))[0]
    row = running(instance_id)
    endpoint, topic = f"{row['Vip']}:{row['Vport']}", unique("topic")
    of = {"InstanceId": instance_id, "TopicName": topic}
    call("CreateTopic", {**of, "PartitionNum": 2, "ReplicaNum": 2})
    call("CreatePartition", {**of, "PartitionNum": 5})
    equal("partitions", len(records.replicas(endpoint, topic)), 5)
    call("ModifyTopicAttributes", {**of, "RetentionMs": 70_000, "Note": "changed", "ReplicaNum": 2})
    told = call("DescribeTopicAttributes", of)["Result"]
    equal("told", (told["Config"]["Retention"], told["Note"], told["PartitionNum"]), (70_000, "changed", 5))
    other = unique("a-topic")
    call("CreateTopic", {**of, "TopicName": other, "PartitionNum": 1, "ReplicaNum": 1})
    group.write(endpoint, topic, 0, 2_000)
    ranking = call("DescribeTopicFlowRanking", {"InstanceId": instance_id, "RankingType": "PRO"})["Result"]
    equal("the busiest", [row["TopicName"] for row in ranking["TopicFlow"]], [topic, other])
    producers = call("DescribeTopicProduceConnection", of)["Result"]
    equal("who produces", [row["IpAddr"] for row in producers], ["127.0.0.1"])
    synced = call("DescribeTopicSyncReplica", of)["Result"]["TopicInSyncReplicaList"]
    equal("in sync", {row["OutOfSyncReplica"] for row in synced}, {""})


@check
def acls_of_the_sdk_decide_what_a_connected_user_may_do() -> None:
    instance_id = bought_ids(buy(PRO, PublicNetworkMonthly=6))[0]
    running(instance_id)
    of, topic, user = {"InstanceId": instance_id}, unique("topic"), unique("user")
    call("CreateTopic", {**of, "TopicName": topic, "PartitionNum": 1, "ReplicaNum": 1})
    call("CreateUser", {**of, "Name": user, "Password": "a-word"})
    acl = {**of, "ResourceType": 2, "ResourceName": topic, "Operation": 4, "Host": "*", "Principal": f"User:{user}"}
    deny, allow = ({**acl, "PermissionType": number} for number in (2, 3))
    call("CreateAcl", allow)
    routes = call("DescribeRoute", of)["Result"]["Routers"]
    public = next(route for route in routes if route["VipType"] == 1)["VipList"][0]
    login = {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.password": "a-word"}
    login |= {"ssl.ca.location": str(Path(os.environ["DATA"]) / "clusters" / "ca.pem")}
    login |= {"bootstrap.servers": f"{public['Vip']}:{public['Vport']}"}
    # The vendor's clients say the instance before the user.
    writer = group.Writer({**login, "sasl.username": f"{instance_id}#{user}"})
    writer.wait("may write", topic, True)
    group.Writer({**login, "sasl.username": user}).wait("may write by its own name", topic, True)
    call("CreateAcl", deny)
    writer.wait("may write no more", topic, False)
    call("DeleteAcl", deny)
    writer.wait("may write again", topic, True)


@check
def attributes_tell_the_same_endpoint() -> None:
    instance_id = bought_ids(buy(PRO, Tags=[{"TagKey": "team", "TagValue": "acceptance"}]))[0]
    row = running(instance_id)
    attributes = call("DescribeInstanceAttributes", {"InstanceId": instance_id})["Result"]
    equal("endpoint", (attributes["Vip"], attributes["Vport"]), (row["Vip"], row["Vport"]))
    equal("tags", (row["Tags"], attributes["Tags"]), ([{"TagKey": "team", "TagValue": "acceptance"}],) * 2)
    equal("Config before anyone set it", attributes.get("Config"), None)
    if "RetentionTimeConfig" not in attributes:
        raise AssertionError("RetentionTimeConfig is absent")
    tags = TagClient(Credential(SANDBOX.key_id, SANDBOX.secret), REGION, _profile())
    request = tag_models.DescribeResourceTagsByResourceIdsRequest()
    request.ServiceType, request.ResourcePrefix, request.ResourceRegion = "ckafka", "ckafkaId", REGION
    request.ResourceIds, request.Offset, request.Limit = [instance_id], 0, 20
    found = tags.DescribeResourceTagsByResourceIds(request).Tags
    equal("tags by resource", [(tag.TagKey, tag.TagValue, tag.ResourceId) for tag in found],
          [("team", "acceptance", instance_id)])


@check
def defaults_of_the_page() -> None:
    least = {"VpcId": "vpc-rmcgxxxx", "SubnetId": "subnet-mnzcxxxx", "ZoneId": 450001}
    row = running(bought_ids(buy(least, SpecificationsType="profession"))[0])
    wanted = {"Bandwidth": 320, "DiskSize": 500, "MaxPartitionNumber": 800, "Version": "2.4.1"}
    equal("defaults", {name: row[name] for name in wanted}, wanted)
    attributes = call("DescribeInstanceAttributes", {"InstanceId": row["InstanceId"]})["Result"]
    equal("retention, minutes", attributes["MsgRetentionTime"], 1440)


@check
def every_signature_method_of_the_sdk_is_accepted() -> None:
    for method in ("TC3-HMAC-SHA256", "HmacSHA256", "HmacSHA1"):
        call("DescribeInstances", {"Limit": 1}, signMethod=method)
    unsigned = _profile()
    unsigned.unsignedPayload = True
    connection = CkafkaClient(Credential(SANDBOX.key_id, SANDBOX.secret), REGION, unsigned)
    connection.DescribeInstances(models.DescribeInstancesRequest())
    query = _profile()
    query.httpProfile.reqMethod = "GET"
    connection = CkafkaClient(Credential(SANDBOX.key_id, SANDBOX.secret), REGION, query)
    connection.DescribeInstances(models.DescribeInstancesRequest())


@check
def zones_and_prices_are_told() -> None:
    zones = call("DescribeCkafkaZone", {})["Result"]["ZoneList"]
    if not zones:
        raise AssertionError("no zones")
    expect_tree(zones[0]["ZoneId"], str)
    if price_of_an_hour() <= 0:
        raise AssertionError("the price is not positive")


def price_of_an_hour() -> float:
    """What an hour of example 1 costs by InquireCkafkaPrice."""
    asked = {
        "InstanceType": "profession",
        "InstanceChargeParam": {"InstanceChargeType": "POSTPAID_BY_HOUR"},
        "InstanceNum": 1,
        "Bandwidth": 20,
        "InquiryDiskParam": {"DiskType": "CLOUD_BASIC", "DiskSize": 200},
        "Partition": 400,
        "ZoneIds": [450001],
        "BillType": "POSTPAID_BY_HOUR",
    }
    price = call("InquireCkafkaPrice", asked)["Result"]["InstancePrice"]
    return price["DiscountPrice"]


@check
def networks_are_listed() -> None:
    connection = VpcClient(Credential(SANDBOX.key_id, SANDBOX.secret), REGION, _profile())
    vpcs = connection.DescribeVpcs(vpc_models.DescribeVpcsRequest())
    subnets = connection.DescribeSubnets(vpc_models.DescribeSubnetsRequest())
    equal("counts", (vpcs.TotalCount > 0, subnets.TotalCount > 0), (True, True))
    known = {vpc.VpcId for vpc in vpcs.VpcSet}
    if not all(subnet.VpcId in known for subnet in subnets.SubnetSet):
        raise AssertionError("a subnet of no network")


@check
def a_deleted_instance_is_no_longer_listed() -> None:
    instance_id = bought_ids(buy(PRO))[0]
    running(instance_id)
    answer = call("DeleteInstancePost", {"InstanceId": instance_id})
    expect_tree(answer, {"RequestId": str, "Result": {"FlowId": int}})
    flow = {"FlowId": answer["Result"]["FlowId"]}
    wait_until("task done", lambda: call("DescribeTaskStatus", flow)["Result"]["Status"] == 0)
    wait_until("gone", lambda: detail(instance_id) is None)


@check
def a_wrong_secret_and_an_unknown_key_are_refused() -> None:
    wrong = Credentials(SANDBOX.key_id, "wrong")
    stranger = Credentials("AKIDUNKNOWN", "wrong")
    for method in ("TC3-HMAC-SHA256", "HmacSHA256", "HmacSHA1"):
        ask = lambda who: call("DescribeInstances", {}, who, signMethod=method)
        refused(lambda: ask(wrong), TencentCloudSDKException, code_of, "AuthFailure.SignatureFailure")
        refused(lambda: ask(stranger), TencentCloudSDKException, code_of, "AuthFailure.SecretIdNotFound")


@check
def orders_against_the_rules_of_the_page_are_refused() -> None:
    invalid = ("InvalidParameter", "InvalidParameterValue")
    empty = ("InvalidParameterValue.NotAllowedEmpty", "MissingParameter")
    cases = {
        "no VpcId": ({"VpcId": None}, empty),
        "no SubnetId": ({"SubnetId": None}, empty),
        "an empty VpcId": ({"VpcId": ""}, (*empty, "InvalidParameterValue.VpcIdInvalid")),
        "neither ZoneId nor ZoneIds": ({"ZoneId": None}, empty),
        "an unknown zone": ({"ZoneId": 1}, ("InvalidParameterValue.ZoneNotSupport",)),
        "ZoneIds without ZoneId": ({"MultiZoneFlag": True, "ZoneIds": [450002, 450003]}, invalid),
        "a disk between two steps": ({"DiskSize": 250}, invalid),
        "partitions between two steps": ({"Partition": 450}, invalid),
        "topics between two steps": ({"TopicNum": 250}, invalid),
        "a public network that is no multiple of 3": ({"PublicNetworkMonthly": 4}, invalid),
        "an unknown version": ({"KafkaVersion": "9.9.9"}, invalid),
        "an unknown edition": ({"SpecificationsType": "gold"}, invalid),
        "an unknown disk": ({"DiskType": "CLOUD_TAPE"}, invalid),
        "a name that is too long": ({"InstanceName": "x" * 129}, invalid),
        "no instances": ({"InstanceNum": 0}, invalid),
        "a retention above 30 days": ({"MsgRetentionTime": 43_201}, invalid),
        "an unknown switch value": ({"ElasticBandwidthSwitch": 2}, invalid),
    }
    account = account_with("1000000")
    for what, (changes, codes) in cases.items():
        try:
            refused(lambda: buy(PRO, account, **changes), TencentCloudSDKException, code_of, *codes)
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}") from error
    equal("instances", call("DescribeInstances", {}, account)["Result"]["TotalCount"], 0)


@check
def a_batch_of_three_with_money_for_two_is_refused_whole() -> None:
    account = account_with(f"{price_of_an_hour() * 2.5:.6f}")
    refused(
        lambda: buy(PRO, account, InstanceNum=3),
        TencentCloudSDKException,
        code_of,
        "FailedOperation",
        "UnsupportedOperation.OssReject",
    )
    equal("instances", call("DescribeInstances", {}, account)["Result"]["TotalCount"], 0)
    # Nothing was held: there is money for two still.
    equal("two", len(bought_ids(buy(PRO, account, InstanceNum=2))), 2)


@check
def more_than_twenty_orders_a_second_are_slowed_down() -> None:
    account = account_with("1")

    def order(_: int) -> str:
        try:
            buy(PRO, account)
        except TencentCloudSDKException as error:
            return error.get_code()
        return "accepted"

    with ThreadPoolExecutor(16) as threads:
        codes = list(threads.map(order, range(10 * CALLS_PER_SECOND)))
    if "RequestLimitExceeded" not in codes:
        raise AssertionError(f"never slowed down: {set(codes)}")
    let_through = sum(code != "RequestLimitExceeded" for code in codes)
    if let_through < CALLS_PER_SECOND:
        raise AssertionError(f"only {let_through} calls came through")


@check
def an_account_does_not_see_anothers_instances() -> None:
    mine = bought_ids(buy(PRO))[0]
    stranger = account_with("100")
    equal("listed", detail(mine, stranger), None)
    refused(
        lambda: call("DescribeInstanceAttributes", {"InstanceId": mine}, stranger),
        TencentCloudSDKException,
        code_of,
        "InvalidParameterValue.InstanceNotExist",
        "ResourceNotFound",
    )


if __name__ == "__main__":
    suite.run()
