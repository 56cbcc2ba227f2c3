"""Both generations of Alibaba Cloud's Python SDK, pointed at ENDPOINT over plain HTTP."""

import json
import time
from typing import Any

from alibabacloud_alikafka20190916.client import Client as AlikafkaClient
from alibabacloud_bssopenapi20171214.client import Client as BssClient
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from Tea.exceptions import TeaException

import suite
from suite import SANDBOX, Credentials, refused

REGION = "cn-hangzhou"
VPC = "vpc-bp1acceptance0000000"
VSWITCH = "vsw-bp1acceptance0000000"
ZONE = "cn-hangzhou-h"
# What a call beyond the rate is answered with.
THROTTLED = "Throttling.User"


def _config(credentials: Credentials, **settings: Any) -> Config:
    return Config(
        access_key_id=credentials.key_id,
        access_key_secret=credentials.secret,
        endpoint=suite.ENDPOINT,
        protocol="http",
        region_id=REGION,
        **settings,
    )


def alikafka_tea(credentials: Credentials = SANDBOX, **settings: Any) -> AlikafkaClient:
    """The current AliKafka client (ACS3-HMAC-SHA256)."""
    return AlikafkaClient(_config(credentials, **settings))


def bss_tea(credentials: Credentials = SANDBOX, **settings: Any) -> BssClient:
    """The current BSS client (ACS3-HMAC-SHA256)."""
    return BssClient(_config(credentials, **settings))


def classic(credentials: Credentials = SANDBOX) -> AcsClient:
    """The older core, which signs with RPC v1 (HMAC-SHA1)."""
    return AcsClient(credentials.key_id, credentials.secret, REGION, auto_retry=False)


def ask(client: AcsClient, request: Any, **parameters: Any) -> dict[str, Any]:
    """Sends a request of the classic SDK with `set_<name>` for each parameter; returns the decoded answer.

    A call beyond the vendor's rate is made again a little later, as its clients do: a suite asks faster than people.
    """
    for name, value in parameters.items():
        getattr(request, f"set_{name}")(value)
    request.set_endpoint(suite.ENDPOINT)
    deadline = time.monotonic() + suite.WAIT_SECONDS
    while True:
        try:
            return json.loads(client.do_action_with_exception(request))
        except ServerException as error:
            if error.error_code != THROTTLED or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def classic_refused(call: Any, *codes: str) -> ServerException:
    """The classic SDK must raise its ServerException with one of the codes."""
    return refused(call, ServerException, lambda error: error.error_code, *codes)


def tea_refused(call: Any, *codes: str) -> TeaException:
    """The current SDK must raise its exception with one of the codes."""
    return refused(call, TeaException, lambda error: error.code, *codes)
