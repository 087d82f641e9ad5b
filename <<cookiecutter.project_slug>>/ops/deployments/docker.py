"""Commands for a server with Docker Compose, as in docs/deployment/docker.md and docs/runbooks."""

from ops.contracts import Commands

MAKE = "sudo make -C /opt/<< cookiecutter.project_slug >>"

COMMANDS = Commands(
    manage="sudo /opt/<< cookiecutter.project_slug >>/deploy/docker/bin/manage",
    settings="/opt/<< cookiecutter.project_slug >>/.env.production",
    apply=f"Then have the containers take it over: {MAKE} up-prod",
    start_database=f"Start the database: {MAKE} up-prod",
    start_redis=f"Start Redis: {MAKE} up-prod",
    # >> if cookiecutter.use_celery
    start_worker=f"Start the worker: {MAKE} up-prod",
    # >> endif
    start_site=f"Start the site: {MAKE} up-prod",
    certificate="Get one as in step 6 of docs/deployment/docker.md, with --domain for each name of ALLOWED_HOSTS: "
    "sudo certbot certonly --webroot --webroot-path /opt/<< cookiecutter.project_slug >>/nginx/acme --cert-name "
    "<< cookiecutter.project_slug >> --deploy-hook /opt/<< cookiecutter.project_slug >>/deploy/docker/bin/certificate "
    "--domain {domain}",
    renew="Renew it, and see why the timer did not: sudo certbot renew --cert-name << cookiecutter.project_slug >>",
    proxy=f"Have nginx take its configuration from the image, and see what stands before it: {MAKE} up-prod",
    clock="Let the machine, not a container, keep time: sudo apt-get install --yes chrony",
    room="Make room as docs/runbooks/disk-full.md says, beginning with: sudo docker image prune --force",
)
