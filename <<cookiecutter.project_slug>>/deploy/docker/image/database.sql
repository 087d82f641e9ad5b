-- Run once, when the database's volume is new: the application's role owns its database and no more, and the superuser is to be had
-- from within the container alone.
\getenv password POSTGRES_PASSWORD
-- A restore makes a database beside the one in service.
CREATE ROLE "<< cookiecutter.project_slug >>" LOGIN CREATEDB PASSWORD :'password';
CREATE DATABASE "<< cookiecutter.project_slug >>" OWNER "<< cookiecutter.project_slug >>";
ALTER ROLE postgres PASSWORD NULL;
