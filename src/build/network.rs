//! Network policies: everything is shut, then opened for name resolution, the system itself and the networks granted.

use crate::api::CloudDomainSpec;
use crate::api::cloud_domain::{Network, NetworkRanges};
use crate::core::cidr::Cidr;
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
        let blocks: Vec<NetworkPolicyPeer> =
            domain.networks.iter().filter(|ranges| ranges.network == network).flat_map(blocks).collect();
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

/// A block for each range, without what is left out of it: the API server takes no exception that is not inside of its
/// block. What is no range opens nothing.
fn blocks(ranges: &NetworkRanges) -> Vec<NetworkPolicyPeer> {
    let read = |texts: &[String]| texts.iter().filter_map(|text| Cidr::parse(text)).collect::<Vec<_>>();
    let except = read(&ranges.except);
    // What is left out as a whole is not opened.
    let open = read(&ranges.cidrs).into_iter().filter(|cidr| !except.iter().any(|out| out.contains(cidr)));
    let block = |cidr: Cidr| {
        let inside = except.iter().filter(|out| cidr.contains(out)).map(ToString::to_string).collect::<Vec<_>>();
        let except = (!inside.is_empty()).then_some(inside);
        NetworkPolicyPeer { ip_block: Some(IPBlock { cidr: cidr.to_string(), except }), ..NetworkPolicyPeer::default() }
    };
    open.map(block).collect()
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
    fn r35_1_each_exception_is_under_the_ranges_that_contain_it() {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let found = |cidrs: &[&str], except: &[&str]| -> Vec<(String, Vec<String>)> {
            let ranges = NetworkRanges { network: Network::Internet, cidrs: owned(cidrs), except: owned(except) };
            let blocks = blocks(&ranges).into_iter().filter_map(|peer| peer.ip_block);
            blocks.map(|block| (block.cidr, block.except.unwrap_or_default())).collect()
        };
        let block = |cidr: &str, except: &[&str]| (cidr.to_owned(), owned(except));
        assert_eq!(
            found(&["0.0.0.0/0", "::/0"], &["10.0.0.0/8", "192.168.0.0/16"]),
            [block("0.0.0.0/0", &["10.0.0.0/8", "192.168.0.0/16"]), block("::/0", &[])]
        );
        assert_eq!(
            found(&["10.0.0.0/8", "172.16.0.0/12", "::/0"], &["10.1.0.0/16", "fd00::/8", "8.8.8.8/32"]),
            [block("10.0.0.0/8", &["10.1.0.0/16"]), block("172.16.0.0/12", &[]), block("::/0", &["fd00::/8"])]
        );
        assert_eq!(found(&["10.0.0.0/8", "11.0.0.0/8"], &["10.0.0.0/8"]), [block("11.0.0.0/8", &[])]);
        assert_eq!(found(&["10.1.0.0/16"], &["10.0.0.0/8"]), [], "wider than the range");
        assert_eq!(found(&["10.0.0.1/8", "no range"], &["none"]), [block("10.0.0.0/8", &[])]);
    }

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
