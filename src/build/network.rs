//! Network policies: everything is shut, then opened for name resolution, the system itself and the networks granted.

use crate::api::CloudDomainSpec;
use crate::api::cloud_domain::Network;
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Name and content of each policy.
#[must_use]
pub fn policies(networks: &[Network], domain: &CloudDomainSpec) -> Vec<(&'static str, NetworkPolicySpec)> {
    let mut policies = vec![
        ("yunguan-default-deny", both(None, None)),
        ("yunguan-dns", dns()),
        ("yunguan-same-namespace", both(Some(vec![own_pods()]), Some(vec![own_pods()]))),
    ];
    let mut networks = networks.to_vec();
    networks.sort_unstable();
    for network in networks {
        let blocks: Vec<NetworkPolicyPeer> = domain
            .networks
            .iter()
            .filter(|ranges| ranges.network == network)
            .flat_map(|ranges| ranges.cidrs.iter().map(|cidr| block(cidr, &ranges.except)))
            .collect();
        // A network that the domain does not describe stays shut.
        if !blocks.is_empty() {
            policies.push((name(network), both(Some(blocks.clone()), Some(blocks))));
        }
    }
    policies
}

fn name(network: Network) -> &'static str {
    match network {
        Network::Internet => "yunguan-internet",
        Network::GovernmentExtranet => "yunguan-government-extranet",
        Network::BusinessPrivate => "yunguan-business-private",
    }
}

fn block(cidr: &str, except: &[String]) -> NetworkPolicyPeer {
    let except = (!except.is_empty()).then(|| except.to_vec());
    NetworkPolicyPeer { ip_block: Some(IPBlock { cidr: cidr.to_owned(), except }), ..NetworkPolicyPeer::default() }
}

fn own_pods() -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(LabelSelector::default()), ..NetworkPolicyPeer::default() }
}

fn both(from: Option<Vec<NetworkPolicyPeer>>, to: Option<Vec<NetworkPolicyPeer>>) -> NetworkPolicySpec {
    NetworkPolicySpec {
        pod_selector: Some(LabelSelector::default()),
        policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
        ingress: from.map(|from| vec![NetworkPolicyIngressRule { from: Some(from), ports: None }]),
        egress: to.map(|to| vec![NetworkPolicyEgressRule { to: Some(to), ports: None }]),
    }
}

fn dns() -> NetworkPolicySpec {
    let port = |protocol: &str| NetworkPolicyPort {
        protocol: Some(protocol.to_owned()),
        port: Some(IntOrString::Int(53)),
        end_port: None,
    };
    let system = LabelSelector {
        match_labels: Some([("kubernetes.io/metadata.name".to_owned(), "kube-system".to_owned())].into()),
        ..LabelSelector::default()
    };
    NetworkPolicySpec {
        pod_selector: Some(LabelSelector::default()),
        policy_types: Some(vec!["Egress".to_owned()]),
        ingress: None,
        egress: Some(vec![NetworkPolicyEgressRule {
            to: Some(vec![NetworkPolicyPeer { namespace_selector: Some(system), ..NetworkPolicyPeer::default() }]),
            ports: Some(vec![port("UDP"), port("TCP")]),
        }]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fixtures;

    #[test]
    fn r35_1_nothing_is_open_but_what_was_asked_for() {
        let registry = fixtures::registry();
        let names = |networks: &[Network]| -> Vec<_> {
            policies(networks, &registry.domains["bozhou-main"]).into_iter().map(|(name, _)| name).collect()
        };
        let shut = ["yunguan-default-deny", "yunguan-dns", "yunguan-same-namespace"];
        assert_eq!(names(&[]), shut);
        assert_eq!(names(&[Network::Internet]), [shut.as_slice(), &["yunguan-internet"]].concat());
        let health = policies(&[Network::Internet], &registry.domains["bozhou-health-dedicated"]);
        assert_eq!(health.len(), 3, "a network that the domain does not have stays shut");
        let (_, deny) = &policies(&[], &registry.domains["bozhou-main"])[0];
        assert!(deny.ingress.is_none() && deny.egress.is_none());
    }
}
