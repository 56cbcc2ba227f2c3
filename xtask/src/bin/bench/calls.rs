//! Signed requests of the vendors' dialects, as bytes to send.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use brokerage_cloud_alibaba as alibaba;
use brokerage_cloud_tencent as tencent;
use brokerage_domain::clock::{Clock as _, SystemClock};
use brokerage_wire::client::ClientCall;
use brokerage_wire::params::Param;
use brokerage_wire::signing::{Credentials, SigningMoment};
use brokerage_wire::{Cloud, WireRequest};
use bytes::Bytes;

/// Who asks, and where.
#[derive(Debug)]
pub(crate) struct Caller {
    host: String,
    credentials: Credentials,
    nonces: AtomicU64,
    started_us: i64,
}

impl Caller {
    /// The sandbox's key, at `host:port`.
    pub(crate) fn sandbox(host: &str) -> Arc<Self> {
        Arc::new(Self {
            host: host.to_owned(),
            credentials: Credentials {
                access_key_id: "BROKERAGESANDBOX".into(),
                secret: "brokerage-sandbox-secret".into(),
                session_token: None,
            },
            nonces: AtomicU64::new(0),
            started_us: SystemClock.now().micros(),
        })
    }

    fn moment(&self) -> SigningMoment {
        let number = self.nonces.fetch_add(1, Ordering::Relaxed);
        SigningMoment {
            epoch_s: SystemClock.now().seconds(),
            nonce: format!("{:x}-{number:x}", self.started_us),
        }
    }

    /// AliKafka's CreatePostPayOrder with the parameters of the vendor's page.
    pub(crate) fn alikafka_order(&self) -> Result<Bytes> {
        self.alikafka("CreatePostPayOrder", &alikafka_plan("alikafka.hw.2xlarge"))
    }

    /// The same for a specification that is not sold.
    pub(crate) fn alikafka_order_unsold(&self) -> Result<Bytes> {
        self.alikafka("CreatePostPayOrder", &alikafka_plan("alikafka.hw.none"))
    }

    /// The same without its signature.
    pub(crate) fn alikafka_order_unsigned(&self) -> Result<Bytes> {
        let order = self.alikafka_order()?;
        let text = std::str::from_utf8(&order)?;
        let unsigned = |line: &&str| !line.to_ascii_lowercase().starts_with("authorization:");
        let lines: Vec<&str> = text.split("\r\n").filter(unsigned).collect();
        Ok(Bytes::from(lines.join("\r\n")))
    }

    /// AliKafka's GetInstanceList of everything.
    pub(crate) fn alikafka_list(&self) -> Result<Bytes> {
        self.alikafka(
            "GetInstanceList",
            &object([("RegionId", Param::Text("cn-hangzhou".into()))]),
        )
    }

    fn alikafka(&self, action: &str, params: &Param) -> Result<Bytes> {
        self.call(&alibaba::CLOUD, action, "cn-hangzhou", params)
    }

    /// A call of what a cloud sells.
    fn call(&self, cloud: &Cloud, action: &str, region: &str, params: &Param) -> Result<Bytes> {
        let mut services = cloud.services.iter();
        let found = services.find_map(|table| Some((*table, table.row(action)?)));
        let (table, row) = found.with_context(|| format!("{} has no {action}", cloud.name))?;
        let call = ClientCall {
            table,
            row,
            host: &self.host,
            region,
            params,
        };
        let client = &cloud.client;
        let signed = client.signed(&call, &self.credentials, &self.moment())?;
        Ok(bytes_of(&signed))
    }

    /// CKafka's CreatePostPaidInstance with the parameters of the page's first example.
    pub(crate) fn ckafka_order(&self) -> Result<Bytes> {
        let params = object([
            ("InstanceName", Param::Text("bench".into())),
            ("VpcId", Param::Text("vpc-rmcgxxxx".into())),
            ("SubnetId", Param::Text("subnet-mnzcxxxx".into())),
            ("ZoneId", Param::Number(450_001.into())),
            ("InstanceType", Param::Number(1.into())),
            ("KafkaVersion", Param::Text("2.4.2".into())),
            ("SpecificationsType", Param::Text("profession".into())),
            ("DiskSize", Param::Number(200.into())),
            ("BandWidth", Param::Number(20.into())),
            ("Partition", Param::Number(400.into())),
            ("DiskType", Param::Text("CLOUD_BASIC".into())),
            ("PublicNetworkMonthly", Param::Number(0.into())),
        ]);
        self.ckafka("CreatePostPaidInstance", &params)
    }

    /// CKafka's DescribeInstancesDetail of one instance.
    pub(crate) fn ckafka_detail(&self, instance_id: &str) -> Result<Bytes> {
        self.ckafka(
            "DescribeInstancesDetail",
            &object([("InstanceId", Param::Text(instance_id.into()))]),
        )
    }

    /// CKafka's DescribeInstances of those that run; its TotalCount counts them all.
    pub(crate) fn ckafka_running(&self) -> Result<Bytes> {
        let running = Param::List(vec![Param::Number(1.into())]);
        self.ckafka(
            "DescribeInstances",
            &object([("Status", running), ("Limit", Param::Number(1.into()))]),
        )
    }

    fn ckafka(&self, action: &str, params: &Param) -> Result<Bytes> {
        self.call(&tencent::CLOUD, action, "ap-guangzhou", params)
    }
}

/// The parameters of the vendor's page for CreatePostPayOrder.
fn alikafka_plan(io_max_spec: &str) -> Param {
    object([
        ("RegionId", Param::Text("cn-hangzhou".into())),
        ("TopicQuota", Param::Number(50.into())),
        ("DiskType", Param::Text("1".into())),
        ("DiskSize", Param::Number(900.into())),
        ("DeployType", Param::Number(5.into())),
        ("IoMax", Param::Number(20.into())),
        ("SpecType", Param::Text("normal".into())),
        ("IoMaxSpec", Param::Text(io_max_spec.into())),
    ])
}

fn object<const N: usize>(fields: [(&str, Param); N]) -> Param {
    Param::Object(
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// The request as it stands on the wire.
fn bytes_of(request: &WireRequest) -> Bytes {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.target());
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        // Writing to a String cannot fail.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "content-length: {}\r\n\r\n", request.body().len());
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(request.body());
    Bytes::from(bytes)
}
