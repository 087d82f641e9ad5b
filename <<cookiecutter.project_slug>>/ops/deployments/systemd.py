"""Commands for a server with systemd, as in docs/deployment/systemd.md and docs/runbooks."""

from ops.contracts import Commands

BIN = "sudo /srv/<< cookiecutter.project_slug >>/source/deploy/systemd/bin"
RELEASE = f'{BIN}/release "$(sudo cat /srv/<< cookiecutter.project_slug >>/current/REVISION)"'

COMMANDS = Commands(
    manage=f"{BIN}/manage",
    settings="/etc/<< cookiecutter.project_slug >>/environment",
    apply=f"Then release what is in service once more: {RELEASE}",
    start_database="Start the database: sudo systemctl start postgresql",
    start_redis="Start Redis: sudo systemctl start redis-server@<< cookiecutter.project_slug >>",
    # >> if cookiecutter.use_celery
    start_worker="Start the worker: sudo systemctl restart << cookiecutter.project_slug >>-worker.service",
    # >> endif
    start_site="Start the site: sudo systemctl start nginx << cookiecutter.project_slug >>.target",
    certificate="Get one as in step 4 of docs/deployment/systemd.md, with --domain for each name of ALLOWED_HOSTS: "
    "sudo certbot certonly --webroot --webroot-path /var/www/acme --cert-name << cookiecutter.project_slug >> "
    "--deploy-hook /srv/<< cookiecutter.project_slug >>/source/deploy/systemd/bin/certificate --domain {domain}",
    renew="Renew it, and see why the timer did not: sudo certbot renew --cert-name << cookiecutter.project_slug >>",
    proxy=f"Have nginx take its configuration from the release in service: {RELEASE}",
    clock="Let the machine keep time: sudo apt-get install --yes chrony",
    room="Make room as docs/runbooks/disk-full.md says, beginning with: sudo journalctl --vacuum-size=200M",
)
