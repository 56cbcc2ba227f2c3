// Command vendors drives the vendors' own Go SDKs: a purchase, what it shows as, and refusals of each.
package main

import (
	"encoding/json"
	"errors"
	"fmt"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/alikafka"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"brokerage.invalid/acceptance/suite"
)

func main() {
	suite.Run([]suite.Check{
		{Name: "the_alibaba_sdk_buys_starts_and_lists_a_cluster", Body: alibabaBuys},
		{Name: "the_alibaba_sdk_raises_the_codes_of_refusals", Body: alibabaIsRefused},
		{Name: "the_tencent_sdk_buys_and_describes_a_cluster", Body: tencentBuys},
		{Name: "every_signature_method_of_the_tencent_sdk_is_accepted", Body: tencentSigns},
		{Name: "the_tencent_sdk_raises_the_codes_of_refusals", Body: tencentIsRefused},
		{Name: "every_sdk_reaches_the_api_over_tls_and_trusts_the_authority_of_the_environment", Body: overTLS},
	})
}

func alibaba(secret string) (*alikafka.Client, error) {
	return alikafka.NewClientWithAccessKey("cn-hangzhou", suite.KeyID, secret)
}

// at points a request of the SDK at the server.
func at[R interface {
	SetDomain(string)
	SetScheme(string)
}](request R) R {
	request.SetDomain(suite.Endpoint)
	request.SetScheme("http")
	return request
}

// pageOrder is the request of the vendor page "CreatePostPayOrder".
func pageOrder() *alikafka.CreatePostPayOrderRequest {
	request := at(alikafka.CreateCreatePostPayOrderRequest())
	request.TopicQuota = requests.NewInteger(50)
	request.DiskType = "1"
	request.DiskSize = requests.NewInteger(900)
	request.DeployType = requests.NewInteger(5)
	request.IoMax = requests.NewInteger(20)
	request.SpecType = "normal"
	request.IoMaxSpec = "alikafka.hw.2xlarge"
	return request
}

func alibabaBuys() error {
	client, err := alibaba(suite.KeySecret)
	if err != nil {
		return err
	}
	bought, err := client.CreatePostPayOrder(pageOrder())
	if err != nil {
		return err
	}
	if err := suite.Equal("answer", []any{bought.Code, bought.Success}, []any{200, true}); err != nil {
		return err
	}
	list := at(alikafka.CreateGetInstanceListRequest())
	list.OrderId = bought.OrderId
	first, err := client.GetInstanceList(list)
	if err != nil {
		return err
	}
	if err := suite.Equal("instances of the order", len(first.InstanceList.InstanceVO), 1); err != nil {
		return err
	}
	start := at(alikafka.CreateStartInstanceRequest())
	start.InstanceId = first.InstanceList.InstanceVO[0].InstanceId
	start.VpcId, start.VSwitchId = "vpc-bp1acceptance0000000", "vsw-bp1acceptance0000000"
	if _, err := client.StartInstance(start); err != nil {
		return err
	}
	return suite.Until("ServiceStatus 5", func() (bool, error) {
		now, err := client.GetInstanceList(list)
		if err != nil {
			return false, err
		}
		row := now.InstanceList.InstanceVO[0]
		if row.ServiceStatus != 5 {
			return false, nil
		}
		return true, suite.Equal("bought", []any{row.DiskSize, row.SpecType}, []any{900, "normal"})
	})
}

func alibabaIsRefused() error {
	wrong, err := alibaba("wrong")
	if err != nil {
		return err
	}
	_, err = wrong.CreatePostPayOrder(pageOrder())
	// The SDK says so only when the server's string to sign equals its own.
	if err := alibabaCode(err, "SignatureDoesNotMatch", "InvalidAccessKeySecret"); err != nil {
		return err
	}
	client, err := alibaba(suite.KeySecret)
	if err != nil {
		return err
	}
	order := pageOrder()
	order.DiskSize = requests.NewInteger(950)
	_, err = client.CreatePostPayOrder(order)
	var refusal *sdkerrors.ServerError
	if !errors.As(err, &refusal) {
		return fmt.Errorf("a disk between two steps: %v", err)
	}
	return suite.Equal("HTTP status", refusal.HttpStatus(), 400)
}

func alibabaCode(err error, codes ...string) error {
	var refusal *sdkerrors.ServerError
	if !errors.As(err, &refusal) {
		return fmt.Errorf("no service error but %v", err)
	}
	for _, code := range codes {
		if refusal.ErrorCode() == code {
			return nil
		}
	}
	return fmt.Errorf("refused with %s, wanted one of %v", refusal.ErrorCode(), codes)
}

// page is example 1 of the vendor page "CreatePostPaidInstance".
func page() map[string]any {
	return map[string]any{
		"InstanceName": "test55", "VpcId": "vpc-rmcgxxxx", "SubnetId": "subnet-mnzcxxxx", "ZoneId": 450001,
		"InstanceType": 1, "KafkaVersion": "2.4.2", "SpecificationsType": "profession", "DiskSize": 200,
		"BandWidth": 20, "Partition": 400, "DiskType": "CLOUD_BASIC", "PublicNetworkMonthly": 0,
	}
}

// tencent calls an operation through the SDK's common client and decodes its answer's Response into `answer`.
func tencent(secret, signMethod, action string, parameters map[string]any, answer any) error {
	settings := profile.NewClientProfile()
	settings.HttpProfile.Endpoint = suite.Endpoint
	settings.HttpProfile.Scheme = "HTTP"
	settings.SignMethod = signMethod
	client := common.NewCommonClient(common.NewCredential(suite.KeyID, secret), "ap-guangzhou", settings)
	request := tchttp.NewCommonRequest("ckafka", "2019-08-19", action)
	if err := request.SetActionParameters(parameters); err != nil {
		return err
	}
	response := tchttp.NewCommonResponse()
	if err := client.Send(request, response); err != nil {
		return err
	}
	envelope := struct{ Response any }{answer}
	return json.Unmarshal(response.GetBody(), &envelope)
}

type bought struct {
	Result struct {
		ReturnCode, ReturnMessage string
		Data                      struct {
			FlowId     int
			DealNames  []string
			InstanceId string
		}
	}
	RequestId string
}

type detail struct {
	Result struct {
		InstanceList []struct {
			Status, DiskSize, Bandwidth int
			Vip, Vport                  string
		}
	}
}

func tencentBuys() error {
	var order bought
	if err := tencent(suite.KeySecret, "TC3-HMAC-SHA256", "CreatePostPaidInstance", page(), &order); err != nil {
		return err
	}
	got := []any{order.Result.ReturnCode, order.Result.ReturnMessage, len(order.Result.Data.DealNames)}
	if err := suite.Equal("answer", got, []any{"0", "ok[apply ok]", 1}); err != nil {
		return err
	}
	return suite.Until("Status 1", func() (bool, error) {
		var found detail
		asked := map[string]any{"InstanceId": order.Result.Data.InstanceId}
		if err := tencent(suite.KeySecret, "TC3-HMAC-SHA256", "DescribeInstancesDetail", asked, &found); err != nil {
			return false, err
		}
		if len(found.Result.InstanceList) != 1 {
			return false, fmt.Errorf("listed %d times", len(found.Result.InstanceList))
		}
		row := found.Result.InstanceList[0]
		if row.Status != 1 {
			return false, nil
		}
		return true, suite.Equal("bought", []any{row.DiskSize, row.Bandwidth, row.Vport != ""}, []any{200, 160, true})
	})
}

func tencentSigns() error {
	for _, method := range []string{"TC3-HMAC-SHA256", "HmacSHA256", "HmacSHA1"} {
		var found detail
		if err := tencent(suite.KeySecret, method, "DescribeInstances", map[string]any{"Limit": 1}, &found); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
	}
	return nil
}

func tencentIsRefused() error {
	elsewhere := page()
	elsewhere["ZoneId"] = 1
	cases := []struct {
		secret     string
		parameters map[string]any
		code       string
	}{
		{"wrong", page(), "AuthFailure.SignatureFailure"},
		{suite.KeySecret, elsewhere, "InvalidParameterValue.ZoneNotSupport"},
	}
	for _, c := range cases {
		var order bought
		err := tencent(c.secret, "TC3-HMAC-SHA256", "CreatePostPaidInstance", c.parameters, &order)
		var refusal *tcerrors.TencentCloudSDKError
		if !errors.As(err, &refusal) {
			return fmt.Errorf("wanted %s, got %v", c.code, err)
		}
		if err := suite.Equal("code", refusal.GetCode(), c.code); err != nil {
			return err
		}
	}
	return nil
}

// overTLS leaves certificates checked: SSL_CERT_FILE is all that the SDKs are told.
func overTLS() error {
	client, err := alibaba(suite.KeySecret)
	if err != nil {
		return err
	}
	list := alikafka.CreateGetInstanceListRequest()
	list.SetDomain(suite.EndpointTLS)
	list.SetScheme("https")
	found, err := client.GetInstanceList(list)
	if err != nil {
		return fmt.Errorf("alibaba: %w", err)
	}
	if err := suite.Equal("alibaba", found.Success, true); err != nil {
		return err
	}
	settings := profile.NewClientProfile()
	settings.HttpProfile.Endpoint = suite.EndpointTLS
	tencent := common.NewCommonClient(common.NewCredential(suite.KeyID, suite.KeySecret), "ap-guangzhou", settings)
	request := tchttp.NewCommonRequest("ckafka", "2019-08-19", "DescribeInstances")
	if err := request.SetActionParameters(map[string]any{"Limit": 1}); err != nil {
		return err
	}
	if err := tencent.Send(request, tchttp.NewCommonResponse()); err != nil {
		return fmt.Errorf("tencent: %w", err)
	}
	return nil
}
