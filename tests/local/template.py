"""Reads template.yaml as it stands, for tests of what it says."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.local.build import ROOT


class _Loader(yaml.SafeLoader):
    pass


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """`!Sub x` becomes {"Fn::Sub": "x"}, `!Ref x` {"Ref": "x"}."""
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


@cache
def template(path: Path = ROOT / "template.yaml") -> dict[str, Any]:
    """The template with its short forms spelt out."""
    return yaml.load(path.read_text(), _Loader)


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """The resources of one type by logical name."""
    return {name: entry for name, entry in template()["Resources"].items() if entry["Type"] == kind}


def statements(policy_document: dict[str, Any]) -> list[dict[str, Any]]:
    """A policy's statements with their actions and resources as lists of text."""
    return [
        {
            **statement,
            "Action": _as_list(statement["Action"]),
            "Resource": [_text(entry) for entry in _as_list(statement.get("Resource", []))],
        }
        for statement in policy_document["Statement"]
    ]


def attached(role: str) -> dict[str, dict[str, Any]]:
    """The managed policies of a role alone, by logical name, each with the condition under which the role has it."""
    found = {}
    for entry in resources("AWS::IAM::Role")[role]["Properties"].get("ManagedPolicyArns", []):
        condition, policy = (None, entry) if "Ref" in entry else entry["Fn::If"][:2]
        if policy["Ref"] not in ("Guardrails", "Notices"):
            found[policy["Ref"]] = {**resources("AWS::IAM::ManagedPolicy")[policy["Ref"]], "AttachedIf": condition}
    return found


def allowed(role: str) -> list[dict[str, Any]]:
    """What a role's own policies allow, those included that take a parameter."""
    policies = [*resources("AWS::IAM::Role")[role]["Properties"]["Policies"]]
    policies += [policy["Properties"] for name, policy in attached(role).items() if not name.endswith(("Further", "Elsewhere"))]
    found = [entry for policy in policies for entry in statements(policy["PolicyDocument"])]
    return [entry for entry in found if entry["Effect"] == "Allow"]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """A resource as one line of text: an ARN with its placeholders, or `Name.Attribute` of a GetAtt."""
    if isinstance(value, dict):
        (inner,) = value.values()
        return inner if isinstance(inner, str) else ".".join(map(str, inner))
    return value
