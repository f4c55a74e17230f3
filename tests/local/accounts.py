"""What one account may do with what belongs to another."""

from __future__ import annotations

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.core.router import extract_access_key_id
from ministack.services import iam, kms, s3


def apply() -> None:
    """Mends everything. To be called once, before the server serves."""
    roles_are_known_by_their_arn()
    bucket_policies_see_who_asks()
    buckets_have_the_owner_that_is_expected()
    copies_find_their_source()
    keys_are_found_by_their_arn()


def roles_are_known_by_their_arn() -> None:
    """`aws:PrincipalArn` of an assumed role is the session's. On AWS it is the role's, with its path."""
    original = iam_evaluator._resolve_condition_key

    def resolve_condition_key(key: str, context: iam_evaluator.EvalContext):
        if key.lower() == "aws:principalarn" and ":assumed-role/" in context.principal_arn:
            name = context.principal_arn.split("/")[1]
            role = iam._roles.get_scoped(context.principal_account, None, name)
            return role["Arn"] if role else context.principal_arn
        return original(key, context)

    iam_evaluator._resolve_condition_key = resolve_condition_key


def bucket_policies_see_who_asks() -> None:
    """The policy of another account's bucket is asked about that caller's root user, whoever calls. On AWS it is asked about the
    caller itself; what the caller's own policies say is asked for before, as in its own account."""
    original = s3._foreign_bucket_allows

    def foreign_bucket_allows(owner, bucket, key, method, query_params, caller, headers=None):
        if original(owner, bucket, key, method, query_params, caller, headers):
            return True
        who = iam_evaluator.resolve_principal(extract_access_key_id(headers or {}), caller) if caller else None
        if not isinstance(who, iam_evaluator.PrincipalInfo):
            return False
        path = f"/{bucket}/{key}" if key else f"/{bucket}"
        action = iam_actions._s3_action(method, path, query_params)
        context = iam_evaluator.EvalContext(
            principal_arn=who.arn,
            principal_type=who.type,
            principal_account=who.account,
            action=f"s3:{action or ('GetObject' if method in ('GET', 'HEAD') else 'PutObject')}",
            resource_arn=f"arn:aws:s3::{path.replace('/', ':', 1)}",
            region=get_region(),
            principal_keys=who.keys,
        )
        policy = s3._bucket_policies.get_scoped(owner, None, bucket)
        return iam_evaluator.evaluate_resource_policy(policy, context).decision == "Allow"

    s3._foreign_bucket_allows = foreign_bucket_allows


def buckets_have_the_owner_that_is_expected() -> None:
    """Nobody looks at whom a request expects to own the bucket. AWS refuses one whose bucket belongs to somebody else."""
    original = s3._apply_bucket_scope

    def apply_bucket_scope(method, bucket, key, headers, *more):
        source = headers.get("x-amz-copy-source", "").lstrip("/").partition("/")[0]
        for name, header in ((bucket, "x-amz-expected-bucket-owner"), (source, "x-amz-source-expected-bucket-owner")):
            owner = s3._bucket_owner_account(name) if name else None
            if owner and headers.get(header, owner) != owner:
                return s3._error("AccessDenied", "Access Denied", 403, f"/{name}")
        return original(method, bucket, key, headers, *more)

    s3._apply_bucket_scope = apply_bucket_scope


def copies_find_their_source() -> None:
    """A copy into another account's bucket looks for its source among that account's buckets. Whether the caller may read it has been asked
    by then, as on AWS."""
    original_bucket, original_body = s3._ensure_bucket, s3._read_body

    def ensure_bucket(name: str):
        owner = s3._bucket_owner_account(name)
        return original_bucket(name) or (s3._buckets.get_scoped(owner, None, name) if owner else None)

    def read_body(bucket: str, key: str, found: dict) -> bytes:
        with request_scope(s3._bucket_owner_account(bucket) or get_account_id(), get_region()):
            return original_body(bucket, key, found)

    s3._ensure_bucket, s3._read_body = ensure_bucket, read_body


def keys_are_found_by_their_arn() -> None:
    """A key of another account or region is not found by its ARN. AWS finds that of another account, and asks the key's policy and the
    caller's; of another region it finds none."""
    original = kms._resolve_key

    def resolve_key(named: str):
        parts = (named or "").split(":")
        if len(parts) < 6 or parts[4] == get_account_id() or parts[3] != get_region():
            return original(named)
        with request_scope(parts[4], parts[3]):
            return original(named)

    kms._resolve_key = resolve_key
    original_policy = kms.key_policy_for_arn

    def key_policy_for_arn(arn: str):
        found = original_policy(arn)
        return (found[0], arn.split(":")[4]) if found else None

    kms.key_policy_for_arn = key_policy_for_arn
