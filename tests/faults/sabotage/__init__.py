"""What some processes load beside the workflows, by AIOPS_WORKFLOWS, so that faults come at exact points."""
