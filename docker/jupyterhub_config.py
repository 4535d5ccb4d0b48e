"""JupyterHub for a class: every student gets the server's address and a token of their own.

The file of tokens, `name token` in each line, is mounted as a secret. Create the tokens with
`vibevoice-nb serve --users users.json --add-user NAME`.
"""

import os
from pathlib import Path

TOKENS = Path(os.environ.get("VIBEVOICE_NB_TOKENS", "/run/secrets/vibevoice_tokens"))


def tokens(text):
    """Return the token of each student, by name."""
    return dict(line.split(maxsplit=1) for line in text.splitlines() if line.strip())


async def give_token(spawner):
    """Give a student's notebooks the address of the server and the student's token."""
    spawner.environment["VIBEVOICE_NB_SERVER"] = os.environ["VIBEVOICE_NB_SERVER"]
    spawner.environment["VIBEVOICE_NB_INSECURE"] = os.environ.get("VIBEVOICE_NB_INSECURE", "")
    spawner.environment["VIBEVOICE_NB_TOKEN"] = tokens(TOKENS.read_text("utf-8"))[spawner.user.name].strip()


c = get_config()  # noqa: F821 -- defined by JupyterHub
c.JupyterHub.bind_url = "http://0.0.0.0:8000"
# An example without accounts on the host. For a class, use the authenticator of your school.
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = os.environ.get("HUB_PASSWORD", "")
c.Authenticator.allowed_users = set(tokens(TOKENS.read_text("utf-8")) if TOKENS.is_file() else ())
# All students share one account of the container. For a class, use DockerSpawner or KubeSpawner.
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "/srv/hub/homes/{username}"
c.Spawner.default_url = "/lab"
c.Spawner.pre_spawn_hook = give_token
