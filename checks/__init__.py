"""The doctor's knowledge: facts about a machine, and rules that make findings of them. Imports no torch."""

from checks.diagnosis import Diagnosis, diagnose
from checks.facts.collect import Scope, all_facts, machine_facts
from checks.facts.records import Facts
from checks.findings import Finding, Severity
from checks.purpose import Purpose

__all__ = ["Diagnosis", "Facts", "Finding", "Purpose", "Scope", "Severity", "all_facts", "diagnose", "machine_facts"]
