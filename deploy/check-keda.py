"""Checks objects of KEDA against its own models (cloudcoil-models-keda, made from its definitions).

  check-keda.py FILE…
"""
import sys

import yaml
from cloudcoil.models.keda import v1alpha1

for name in sys.argv[1:]:
    for given in yaml.safe_load_all(open(name)):
        read = getattr(v1alpha1, given["kind"]).model_validate(given).model_dump(by_alias=True, exclude_unset=True, mode="json")
        # What a model does not know it leaves out.
        assert read == given, f"{name}: {given['kind']} is read as {read}"
