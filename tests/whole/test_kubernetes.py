"""The Kubernetes files say what the trainer does: exit codes, grace, flags

No cluster is at hand: the files are read, and held against the README and the command line; nothing ran on one.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from perpart.settings import parse
from tests.tree import ROOT

FILES = ["job.yaml", "pods.yaml"]
CODES = {int(code) for row in re.findall(r"^\| ([\d, ]+) \| ", (ROOT / "README.md").read_text(), re.M)
         for code in row.split(",") if int(code) not in (500, 501)}  # fmt: skip
"""The exit codes in the README's table."""


def objects(name: str) -> dict[str, Any]:
    """What a file describes, by its kind."""
    return {each["kind"]: each for each in yaml.safe_load_all((ROOT / "examples" / name).read_text())}


def pod(name: str) -> dict[str, Any]:
    return objects(name)["Job"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("name", FILES)
def test_the_trainer_is_told_a_shorter_grace_than_the_pod_has(name: str, tmp_path: Path) -> None:
    (container,) = pod(name)["containers"]
    words = container["command"][container["command"].index("train_per_part.py") + 1 :]
    settings = parse([word.replace("/data", str(tmp_path)) for word in words])
    assert settings.grace is not None
    assert settings.grace < pod(name)["terminationGracePeriodSeconds"]
    assert settings.work_dir == str(tmp_path / "exp_per_part")
    waits = [int(word.split("=")[1]) for word in container["command"] if word.startswith("--shutdown-timeout")]
    assert all(settings.grace <= wait < pod(name)["terminationGracePeriodSeconds"] for wait in waits)


@pytest.mark.parametrize("name", FILES)
def test_the_work_dir_is_on_a_claim_that_outlives_the_pod(name: str) -> None:
    (container,) = pod(name)["containers"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    kinds = {volume["name"]: volume for volume in pod(name)["volumes"]}
    assert mounted.keys() == kinds.keys()
    assert mounted["data"] == "/data"
    claim = objects(name)["PersistentVolumeClaim"]
    assert kinds["data"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany" if name == "pods.yaml" else "ReadWriteOnce"]


def test_exit_codes_that_the_readme_names_are_judged_as_it_says() -> None:
    rules = objects("job.yaml")["Job"]["spec"]["podFailurePolicy"]["rules"]
    judged = {code: rule["action"] for rule in rules for code in rule.get("onExitCodes", {}).get("values", [])}
    assert judged == {2: "FailJob", 75: "Ignore", 138: "Ignore", 143: "Ignore"}
    # 74 counts against the limit, since a full disk stays full; nobody presses Ctrl+C in a pod.
    assert judged.keys() | {0, 74, 130} == CODES
    assert [rule["onExitCodes"]["values"] for rule in rules if "onExitCodes" in rule] == [[2], [75, 138, 143]]


@pytest.mark.parametrize("name", FILES)
def test_a_pod_that_the_cluster_takes_away_counts_for_nothing(name: str) -> None:
    spec = objects(name)["Job"]["spec"]
    rules = spec["podFailurePolicy"]["rules"]
    assert {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]} in rules
    assert spec["backoffLimit"] > 0
    assert pod(name)["restartPolicy"] == "Never", "a podFailurePolicy is allowed with no other"
    assert all(rule.get("onExitCodes", {}).get("containerName", "train") == "train" for rule in rules)


def test_several_pods_find_the_first_by_its_name() -> None:
    all_of, job = objects("pods.yaml"), objects("pods.yaml")["Job"]
    (container,) = pod("pods.yaml")["containers"]
    options = dict(word[2:].split("=", 1) for word in container["command"] if word.startswith("--"))
    service = all_of["Service"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert pod("pods.yaml")["subdomain"] == service["metadata"]["name"]
    first = f"{job['metadata']['name']}-0.{service['metadata']['name']}"
    assert options["rdzv-endpoint"].split(":")[0] == first
    assert job["spec"]["completionMode"] == "Indexed"
    assert int(options["nnodes"]) == job["spec"]["completions"] == job["spec"]["parallelism"]
