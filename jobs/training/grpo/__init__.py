"""GRPO: learners under Ray Train, rollouts from vLLM engines, proof that they run one policy."""
