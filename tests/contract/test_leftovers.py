"""What a destroyed stack left is found and removed through the APIs; what another stack has stays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from delivery.operator.adoption import Adoption
from delivery.operator.leftovers import Options
from delivery.operator.removal import Removal

if TYPE_CHECKING:
    from support.cloud import Cloud

pytestmark = pytest.mark.local
TRUST = {
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "arn:aws:logs:eu-central-1:1:log-group:x"}
    ],
}


@dataclass
class Stack:
    """Resources with a stack's tags, as Pulumi creates them."""

    cloud: Cloud
    name: str

    @property
    def tags(self) -> list[dict[str, str]]:
        """The tags."""
        return [{"Key": "project", "Value": "slipway"}, {"Key": "environment", "Value": self.name}]

    def network(self) -> tuple[str, list[str], str]:
        """Create a network whose two security groups name one another; returns its VPC, subnets and a group."""
        ec2 = self.cloud.client("ec2")

        def tagged(kind: str) -> list[dict[str, Any]]:
            return [{"ResourceType": kind, "Tags": self.tags}]

        vpc = ec2.create_vpc(CidrBlock="10.78.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))["InternetGateway"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
        table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table"))["RouteTable"]["RouteTableId"]
        subnets = []
        for number, zone in enumerate("ab"):
            made = ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.78.{number}.0/24", AvailabilityZone=f"eu-central-1{zone}",
                TagSpecifications=tagged("subnet"),
            )  # fmt: skip
            subnets.append(made["Subnet"]["SubnetId"])
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[-1])
        groups = [
            ec2.create_security_group(
                GroupName=f"{self.name}-{name}", Description=name, VpcId=vpc, TagSpecifications=tagged("security-group")
            )["GroupId"]
            for name in ("lb", "web")
        ]
        of_vpc = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
        (default,) = ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
        ec2.create_tags(Resources=[default["GroupId"]], Tags=self.tags)
        for group, other in (groups, reversed(groups)):
            rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": other}]}
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
        ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address, TagSpecifications=tagged("natgateway"))
        ec2.create_flow_logs(
            ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", TagSpecifications=tagged("vpc-flow-log"),
            LogDestination=f"arn:aws:logs:eu-central-1:000000000000:log-group:{self.name}",
            DeliverLogsPermissionArn="arn:aws:iam::000000000000:role/flow",
        )  # fmt: skip
        return vpc, subnets, groups[0]

    def create(self) -> None:
        """Create one of each kind."""
        vpc, subnets, group = self.network()
        elb, rds, iam = self.cloud.client("elbv2"), self.cloud.client("rds"), self.cloud.client("iam")
        elb.create_load_balancer(Name=f"{self.name}-1", Subnets=subnets, SecurityGroups=[group], Tags=self.tags)
        elb.create_target_group(
            Name=f"{self.name}-web", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip", Tags=self.tags
        )
        rds.create_db_subnet_group(
            DBSubnetGroupName=self.name, DBSubnetGroupDescription="x", SubnetIds=subnets, Tags=self.tags
        )
        rds.create_db_instance(
            DBInstanceIdentifier=f"{self.name}-1", DBInstanceClass="db.t4g.micro", Engine="postgres",
            EngineVersion="15", AllocatedStorage=20, MasterUsername="guest", DBName="book",
            ManageMasterUserPassword=True, DBSubnetGroupName=self.name, DeletionProtection=True, Tags=self.tags,
        )  # fmt: skip
        iam.create_role(
            RoleName=f"{self.name}-web", Path=f"/slipway/{self.name}/tasks/", Tags=self.tags,
            AssumeRolePolicyDocument=json.dumps(TRUST),
        )  # fmt: skip
        iam.put_role_policy(RoleName=f"{self.name}-web", PolicyName="own", PolicyDocument=json.dumps(POLICY))
        named = {tag["Key"]: tag["Value"] for tag in self.tags}
        self.cloud.client("logs").create_log_group(logGroupName=f"/slipway/{self.name}/web", tags=named)
        self.cloud.client("ssm").put_parameter(
            Name=f"/slipway/{self.name}/services/web", Value="{}", Type="String", Tags=self.tags
        )
        self.cloud.client("ecr").create_repository(repositoryName=f"slipway/{self.name}", tags=self.tags)
        small = [{"key": key, "value": value} for key, value in named.items()]
        self.cloud.client("ecs").create_cluster(clusterName=f"slipway-{self.name}", tags=small)

    def removal(self, said: list[str], **options: bool) -> Removal:
        """Return the removal of what is left of it."""
        return Removal(clients=self.cloud.client, stack=self.name, say=said.append, options=Options(**options))


def test_what_carries_the_tags_of_a_destroyed_stack_goes(cloud: Cloud) -> None:
    """In one run, while AWS still creates the database and the load balancer; another stack keeps all that it has."""
    left, other, said = Stack(cloud, "left"), Stack(cloud, "left-other"), list[str]()
    left.create()
    other.network()
    stands = sorted(found.name for _, found in other.removal(said).found())
    assert len(stands) == 10
    told = left.removal(said, unprotect=True, skip_snapshot=True).run()
    assert left.removal(said).found() == []
    assert told == (
        "1 cluster, 1 load balancer, 1 target group, 1 database, 1 database subnet group, 1 NAT gateway, 1 address, "
        "1 internet gateway, 1 flow log, 2 subnets, 1 route table, 2 security groups, 1 VPC, "
        "1 role, 1 log group, 1 parameter, 1 empty repository"
    )
    assert sorted(found.name for _, found in other.removal(said).found()) == stands
    other.removal(said).run()


def test_what_an_interrupted_up_created_is_found_by_what_it_asked_for(cloud: Cloud) -> None:
    """Each once, and nothing that Pulumi's state has."""
    stack, said = Stack(cloud, "begun"), list[str]()
    stack.create()
    ec2, elb = cloud.client("ec2"), cloud.client("elbv2")
    listed = stack.removal(said).found()
    names = {kind.title: left.name for kind, left in listed}
    vpc, table, balancer = names["VPC"], names["route table"], names["load balancer"]
    subnets = [left.name for kind, left in listed if kind.title == "subnet"]
    groups = {left.row["GroupName"]: left.name for kind, left in listed if kind.title == "security group"}
    refused = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    listener = elb.create_listener(LoadBalancerArn=balancer, Port=80, Protocol="HTTP", DefaultActions=refused)
    arn = listener["Listeners"][0]["ListenerArn"]
    paths = [{"Field": "path-pattern", "Values": ["/x"]}]
    rule = elb.create_rule(ListenerArn=arn, Priority=7, Conditions=paths, Actions=refused)["Rules"][0]["RuleArn"]
    allowed = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    made = ec2.authorize_security_group_ingress(GroupId=groups["begun-lb"], IpPermissions=[allowed])
    in_rule = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    asked: dict[str, tuple[dict[str, Any], str | None]] = {
        "ec2/vpc:Vpc": ({"cidrBlock": "10.78.0.0/16"}, vpc),
        "ec2/flowLog:FlowLog": ({"vpcId": vpc}, names["flow log"]),
        "ec2/subnet:Subnet": ({"vpcId": vpc, "cidrBlock": "10.78.1.0/24"}, subnets[1]),
        "ec2/routeTable:RouteTable": ({"vpcId": vpc}, table),
        "ec2/routeTableAssociation:RouteTableAssociation": (
            {"subnetId": subnets[0], "routeTableId": table}, f"{subnets[0]}/{table}"
        ),
        "ec2/internetGateway:InternetGateway": ({"vpcId": vpc}, names["internet gateway"]),
        "ec2/natGateway:NatGateway": ({"subnetId": subnets[0]}, names["NAT gateway"]),
        "ec2/eip:Eip": ({}, names["address"]),
        "ec2/securityGroup:SecurityGroup": ({"vpcId": vpc, "name": "begun-web"}, groups["begun-web"]),
        "vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
            {
                "securityGroupId": groups["begun-lb"], "ipProtocol": "tcp", "fromPort": 80, "toPort": 80,
                "cidrIpv4": "10.0.0.0/8",
            },
            in_rule,
        ),
        "vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
            {
                "securityGroupId": groups["begun-lb"], "ipProtocol": "tcp", "fromPort": 80, "toPort": 80,
                "cidrIpv4": "10.0.0.0/8",
            },
            None,
        ),
        "lb/loadBalancer:LoadBalancer": ({"name": "begun-1"}, balancer),
        "lb/targetGroup:TargetGroup": ({"name": "begun-web"}, names["target group"]),
        "lb/listener:Listener": ({"loadBalancerArn": balancer, "port": 80}, arn),
        "lb/listenerRule:ListenerRule": ({"listenerArn": arn, "priority": 7}, rule),
        "rds/instance:Instance": ({"identifier": "begun-1"}, "begun-1"),
        "rds/subnetGroup:SubnetGroup": ({"name": "begun"}, "begun"),
        "iam/role:Role": ({"name": "begun-web"}, "begun-web"),
        "iam/rolePolicy:RolePolicy": ({"role": "begun-web", "name": "own"}, "begun-web:own"),
        "iam/rolePolicy:RolePolicy gone": ({"role": "begun-web", "name": "never"}, None),
        "cloudwatch/metricAlarm:MetricAlarm": ({"name": "begun-5xx"}, "begun-5xx"),
        "cloudwatch/logGroup:LogGroup": ({"name": "/slipway/begun/web"}, "/slipway/begun/web"),
        "ssm/parameter:Parameter": ({"name": "/slipway/begun/services/web"}, "/slipway/begun/services/web"),
        "ecs/cluster:Cluster": ({"name": "slipway-begun"}, "slipway-begun"),
        "ecs/service:Service": ({"name": "begun-web", "cluster": "slipway-begun"}, None),
        "sns/topic:Topic": ({"name": "slipway-begun"}, None),
    }  # fmt: skip
    creations: list[dict[str, Any]] = [
        {"urn": kind, "type": f"aws:{kind.split()[0]}", "inputs": inputs} for kind, (inputs, _) in asked.items()
    ]
    twice = [*creations, {**creations[0], "urn": "again"}]
    adoption = Adoption(clients=cloud.client, listed=listed, known=set(), say=said.append)
    assert adoption.ids(twice) == {kind: identifier for kind, (_, identifier) in asked.items() if identifier}
    assert cloud.client("rds").describe_db_instances(DBInstanceIdentifier="begun-1")["DBInstances"][0]["Endpoint"]
    known = {left.name for _, left in listed} | {arn, rule, in_rule, f"{subnets[0]}/{table}"}
    known |= {"begun-web:own", "begun-5xx"}
    assert Adoption(clients=cloud.client, listed=listed, known=known, say=said.append).ids(creations) == {}
    elb.delete_listener(ListenerArn=arn)
    gone = [one for one in creations if one["type"].startswith("aws:lb/listener")]
    assert Adoption(clients=cloud.client, listed=[], known=set(), say=said.append).ids(gone) == {}
    stack.removal(said, unprotect=True, skip_snapshot=True).run()
