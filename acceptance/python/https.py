"""The API over TLS through the SDKs of all three clouds, unmodified, which trust the authority that the server names.

The suite starts a server of its own, with plain HTTP and TLS side by side. No SDK is told another scheme than its own
default, HTTPS, and none is told to leave certificates unchecked.
"""

import http.client
import json
import os
import shutil
import ssl
import subprocess
from pathlib import Path

from alibabacloud_alikafka20190916 import models as alikafka_models
from alibabacloud_alikafka20190916.client import Client as AlikafkaClient
from alibabacloud_bssopenapi20171214 import models as bss_models
from alibabacloud_bssopenapi20171214.client import Client as BssClient
from alibabacloud_tea_openapi.models import Config as AlibabaConfig
from aliyunsdkalikafka.request.v20190916.GetInstanceListRequest import GetInstanceListRequest
from aliyunsdkcore.client import AcsClient
from jdcloud_sdk.core.config import Config as JdConfig
from jdcloud_sdk.core.credential import Credential as JdCredential
from jdcloud_sdk.core.logger import ERROR, Logger
from jdcloud_sdk.services.kafka.apis.DescribeInstancesRequest import (
    DescribeInstancesParameters,
    DescribeInstancesRequest,
)
from jdcloud_sdk.services.kafka.client.KafkaClient import KafkaClient
from tencentcloud.ckafka.v20190819 import models as ckafka_models
from tencentcloud.ckafka.v20190819.ckafka_client import CkafkaClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

import suite
from server import Server
from suite import SANDBOX, check, equal

SERVER = Server(Path(os.environ["DATA"]) / "https", "--listen-tls", "127.0.0.1:0")


def address() -> str:
    """Host and port of the TLS listener."""
    return SERVER.ready["api_tls"][0]


def authority() -> str:
    """The certificate to trust."""
    return SERVER.ready["ca"]


def alibaba_config(**settings: str) -> AlibabaConfig:
    return AlibabaConfig(
        access_key_id=SANDBOX.key_id,
        access_key_secret=SANDBOX.secret,
        endpoint=address(),
        region_id="cn-hangzhou",
        **settings,
    )


def buy(dialect: str) -> None:
    """Buys a cluster, so that there is something to look at."""
    suite.operator("buy", "--dialect", dialect, "--wait")


@check
def alibabas_tea_sdk_trusts_the_authority_in_its_configuration() -> None:
    buy("alikafka")
    client = AlikafkaClient(alibaba_config(ca=authority()))
    answer = client.get_instance_list(alikafka_models.GetInstanceListRequest(region_id="cn-hangzhou"))
    equal("instances", len(answer.body.instance_list.instance_vo), 1)
    balance = BssClient(alibaba_config(ca=authority())).query_account_balance()
    equal("currency", balance.body.data.currency, "CNY")


@check
def alibabas_classic_sdk_trusts_what_it_is_told_to_verify_with() -> None:
    client = AcsClient(SANDBOX.key_id, SANDBOX.secret, "cn-hangzhou", auto_retry=False, verify=authority())
    request = GetInstanceListRequest()
    request.set_endpoint(address())
    request.set_protocol_type("https")
    equal("answers", b'"Success":true' in client.do_action_with_exception(request), True)


@check
def tencents_sdk_trusts_the_certification_of_its_profile() -> None:
    buy("ckafka")
    http_profile = HttpProfile(endpoint=address(), certification=authority())
    profile = ClientProfile(httpProfile=http_profile)
    client = CkafkaClient(Credential(SANDBOX.key_id, SANDBOX.secret), "ap-guangzhou", profile)
    answer = client.DescribeInstancesDetail(ckafka_models.DescribeInstancesDetailRequest())
    equal("instances", answer.Result.TotalCount, 1)


@check
def jds_sdk_trusts_the_bundle_of_the_environment() -> None:
    buy("jdkafka")
    client = KafkaClient(JdCredential(SANDBOX.key_id, SANDBOX.secret), JdConfig(address()), Logger(ERROR))
    answer = client.send(DescribeInstancesRequest(DescribeInstancesParameters("cn-north-1")))
    equal("error", answer.error, None)
    equal("instances", len(answer.result["instances"]), 1)


def command_line(name: str, *words: str, **environment: str) -> dict:
    """Runs one of the clouds' own command lines; what it prints, as JSON."""
    commands = os.environ.get("COMMANDS")
    if not commands:
        raise suite.Skip("the clouds' command lines are not installed")
    # They keep settings and logs at home.
    environment = {**os.environ, "HOME": os.environ["DATA"], **environment}
    ended = subprocess.run(
        [str(Path(commands) / name), *words], capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    if ended.returncode:
        raise AssertionError(f"{name} ended with {ended.returncode}: {ended.stdout[-300:]}{ended.stderr[-300:]}")
    return json.loads(ended.stdout) if ended.stdout.strip().startswith("{") else {}


@check
def tencents_command_line_trusts_what_certifi_has() -> None:
    # It has no option for it and reads no variable: whoever installs it adds the authority to certifi's bundle.
    python = Path(os.environ.get("COMMANDS") or "-") / "python"
    if not python.exists():
        raise suite.Skip("the clouds' command lines are not installed")
    where = subprocess.run([str(python), "-m", "certifi"], capture_output=True, text=True, timeout=60, check=True)
    trusted = Path(os.environ["DATA"]) / "trusted" / "certifi"
    shutil.copytree(Path(where.stdout.strip()).parent, trusted, dirs_exist_ok=True)
    with open(trusted / "cacert.pem", "a") as bundle:
        bundle.write(Path(authority()).read_text())
    key = ["--secretId", SANDBOX.key_id, "--secretKey", SANDBOX.secret, "--region", "ap-guangzhou"]
    words = ["ckafka", "DescribeInstancesDetail", "--endpoint", address(), *key]
    answer = command_line("tccli", *words, PYTHONPATH=str(trusted.parent))
    equal("instances", answer["Result"]["TotalCount"], 1)
    try:
        command_line("tccli", *words)
    except AssertionError as error:
        if "CERTIFICATE_VERIFY_FAILED" not in str(error):
            raise
    else:
        raise AssertionError("a stranger's certificate was taken")


@check
def jds_command_line_trusts_the_bundle_of_the_environment() -> None:
    # Of what is sold here it knows networks only.
    key = ["--access-key", SANDBOX.key_id, "--secret-key", SANDBOX.secret, "--region-id", "cn-north-1"]
    command_line("jdc", "configure", "add", "--profile", "brokerage", *key, "--endpoint", address(), "--scheme", "https")
    answer = command_line("jdc", "vpc", "describe-vpcs", REQUESTS_CA_BUNDLE=authority())
    equal("error", answer.get("error"), None)
    if not answer["result"]["vpcs"]:
        raise AssertionError(f"no networks: {answer}")


@check
def who_does_not_trust_the_authority_gets_no_answer() -> None:
    host, port = address().rsplit(":", 1)
    connection = http.client.HTTPSConnection(host, int(port), context=ssl.create_default_context(cafile=None), timeout=10)
    try:
        connection.request("GET", "/")
    except ssl.SSLCertVerificationError:
        return
    finally:
        connection.close()
    raise AssertionError("a stranger's certificate was taken")


@check
def http_1_1_is_spoken_whatever_else_a_client_offers() -> None:
    context = ssl.create_default_context(cafile=authority())
    context.set_alpn_protocols(["h2", "http/1.1"])
    host, port = address().rsplit(":", 1)
    connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=10)
    connection.request("GET", "/?Action=GetQuotaTip&Version=2019-09-16")
    equal("version", connection.getresponse().version, 11)
    connection.close()


@check
def the_certificate_of_the_operator_is_shown_in_place_of_our_own() -> None:
    folder = Path(os.environ["DATA"]).parent
    certificate, key = folder / "own.pem", folder / "own.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=own", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    try:
        subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    except FileNotFoundError:
        raise suite.Skip("openssl is not installed") from None
    flags = ["--listen-tls", "127.0.0.1:0", "--tls-certificate", str(certificate), "--tls-key", str(key)]
    own = Server(folder / "own", *flags)
    own.start()
    try:
        host, port = own.ready["api_tls"][0].rsplit(":", 1)
        context = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=10)
        connection.request("GET", "/?Action=GetQuotaTip&Version=2019-09-16")
        equal("version", connection.getresponse().version, 11)
        connection.close()
    finally:
        own.kill()


if __name__ == "__main__":
    SERVER.start()
    # Where an SDK has no setting of its own, `requests` looks here.
    os.environ["REQUESTS_CA_BUNDLE"] = authority()
    try:
        suite.run()
    finally:
        SERVER.kill()
