//! What names mean. `tests/admission/products.rs` asks a real API server of the same names.

use super::*;

#[test]
fn r13_2_one_resource_has_one_name() {
    let table = [
        ("requests.cpu", "requests.cpu"),
        ("cpu", "requests.cpu"),
        ("memory", "requests.memory"),
        ("storage", "requests.storage"),
        ("ephemeral-storage", "requests.ephemeral-storage"),
        ("limits.cpu", "limits.cpu"),
        ("hugepages-2Mi", "requests.hugepages-2Mi"),
        ("requests.hugepages-1Gi", "requests.hugepages-1Gi"),
        ("nvidia.com/gpu", "requests.nvidia.com/gpu"),
        ("requests.nvidia.com/gpu", "requests.nvidia.com/gpu"),
        ("requests.nvidia.com/mig-1g.5gb", "requests.nvidia.com/mig-1g.5gb"),
        ("count/deployments.apps", "count/deployments.apps"),
        ("ssd.storageclass.storage.k8s.io/requests.storage", "ssd.storageclass.storage.k8s.io/requests.storage"),
        ("gpu.example.com.deviceclass.resource.k8s.io/devices", "gpu.example.com.deviceclass.resource.k8s.io/devices"),
        ("deviceclass.resource.kubernetes.io/gpu.example.com", "gpu.example.com.deviceclass.resource.k8s.io/devices"),
        ("requests.deviceclass.resource.kubernetes.io/gpu", "gpu.deviceclass.resource.k8s.io/devices"),
        ("bandwidth.mbps", "bandwidth.mbps"),
        ("licences", "licences"),
    ];
    for (written, counts) in table {
        let resource = read(written).unwrap();
        assert_eq!(resource.name, counts, "{written}");
        assert_eq!(canonical(counts), counts, "{counts} is its own name");
    }
    let free: Vec<&str> = table.iter().map(|(written, _)| *written).filter(|name| !is_held(name)).collect();
    assert_eq!(free, ["bandwidth.mbps", "licences"]);
}

#[test]
fn r13_2_a_slip_of_the_pen_is_told_and_not_counted_by_itself() {
    let table = [
        ("request.cpu", "requests.cpu"),
        ("Requests.CPU", "requests.cpu"),
        ("requests.pods", "pods"),
        ("limits.storage", "requests.storage"),
        ("cpus", "requests.cpu"),
        ("mem", "requests.cpu"),
        ("services.loadbalancer", "services.loadbalancers"),
        ("service.loadbalancers", "services.loadbalancers"),
        ("reqests.memory", "requests.memory"),
        ("limits.hugepages-2Mi", "requests.hugepages-2Mi"),
        ("hugepages-two", "secrets"),
        ("limits.nvidia.com/gpu", "requests.nvidia.com/gpu"),
        ("request.nvidia.com/gpu", "what pods ask for"),
        ("requests.requests.nvidia.com/gpu", "what pods ask for"),
        ("requests.gpu/one", "what pods ask for"),
        ("gpu/one", "what pods ask for"),
        ("Nvidia.com/gpu", "what pods ask for"),
        ("kubernetes.io/gpu", "what pods ask for"),
        ("requests.node.kubernetes.io/gpu", "what pods ask for"),
        ("count/Deployments.apps", "what pods ask for"),
        ("ssd.storageclass.storage.k8s.io/storage", "what pods ask for"),
        ("gpu.deviceclass.resource.k8s.io/device", "what pods ask for"),
    ];
    for (written, meant) in table {
        let why = read(written).unwrap_err();
        assert!(why.en.contains(meant), "{written}: {why}");
        assert!(why.zh.contains(written), "{why}");
        assert!(!is_held(written) && gives_nothing(written).is_some() && canonical(written) == written, "{written}");
    }
}

#[test]
fn r13_2_what_is_counted_comes_in_whole_numbers() {
    let amount = |text: &str| Amount::parse(text).unwrap();
    for (name, text, sound) in [
        ("cpu", "500m", true),
        ("limits.cpu", "1.5", true),
        ("bandwidth.mbps", "500m", true),
        ("pods", "2500m", false),
        ("pods", "2000m", true),
        ("requests.nvidia.com/gpu", "500m", false),
        ("nvidia.com/gpu", "1", true),
        ("requests.memory", "1500m", false),
        ("requests.memory", "0.5Gi", true),
        ("count/jobs.batch", "1.5", false),
        ("ssd.storageclass.storage.k8s.io/persistentvolumeclaims", "0.5", false),
        ("gpu.deviceclass.resource.k8s.io/devices", "500m", false),
        ("hugepages-2Mi", "1Gi", true),
        ("requests.hugepages-2Mi", "3Mi", false),
    ] {
        assert_eq!(unusable(name, amount(text)).is_none(), sound, "{name}={text}");
    }
}

#[test]
fn r13_2_what_nothing_gives_is_told_from_what_the_domain_counts() {
    for (name, given) in [
        ("bandwidth.mbps", true),
        ("gpu", false),
        ("vcpu", false),
        ("racks.units", true),
        ("requests.cpu", true),
        ("gpu.", false),
    ] {
        assert_eq!(gives_nothing(name).is_none(), given, "{name}");
    }
    let map = |names: &[&str]| -> QuantityMap {
        names.iter().map(|name| ((*name).to_owned(), crate::api::common::Quantity("1".into()))).collect()
    };
    let places =
        |names: &[&str], by| -> Vec<String> { problems("a", &map(names), by).into_iter().map(|p| p.0).collect() };
    assert_eq!(places(&["cpu", "gpu", "pods"], Given::ByQuota), ["a[gpu]"]);
    assert_eq!(places(&["cpu", "requests.cpu", "nvidia.com/gpu"], Given::ByQuota), ["a"], "two names of one thing");
    assert_eq!(places(&["gpu", "limits.storage"], Given::ByHand), Vec::<String>::new(), "a person opens it");
    assert_eq!(places(&["gpu", "limits.storage"], Given::ByDomain), ["a[limits.storage]"]);
}
