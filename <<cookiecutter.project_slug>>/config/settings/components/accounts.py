"""Who may log in, and for how long. Reference: https://docs.djangoproject.com/en/6.1/ref/settings/#auth

How often somebody may try is django-axes' part: https://django-axes.readthedocs.io/en/latest/4_configuration.html
"""

from datetime import timedelta

from config.settings.environment import env

AUTH_USER_MODEL = "users.User"
# The first makes them; what the second has made is made anew when its owner logs in.
PASSWORD_HASHERS = ["apps.users.hashers.Argon2", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# Addresses
LOGIN_REDIRECT_URL = "/accounts/"
ADMIN_PATH = env.path("ADMIN_PATH", default="admin/")

# Sessions
# Seconds until a session expires. A password change logs out all other sessions.
SESSION_COOKIE_AGE = env.number("SESSION_COOKIE_AGE", default=1_209_600)
# Seconds for which a link from an e-mail sets a new password; it does so once.
PASSWORD_RESET_TIMEOUT = 3600

# Guessing passwords
# The first refuses who is locked out; the second knows the passwords.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# After so many failures for an account from an address, the two together are locked: whoever guesses locks out nobody
# elsewhere, and so not the owner.
AXES_FAILURE_LIMIT = env.number("LOGIN_FAILURE_LIMIT", default=5)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
# ...until so long after the last of them. What is tried meanwhile does not count.
AXES_COOLOFF_TIME = timedelta(minutes=env.number("LOGIN_LOCK_MINUTES", default=15))
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
# In the database, which logging in needs anyway, and not in the cache: it goes on while Redis is down. The rows are
# removed by the next login once their time is over.
AXES_HANDLER = "apps.users.lockout.Handler"
AXES_USERNAME_CALLABLE = "apps.users.lockout.account"
AXES_CLIENT_IP_CALLABLE = "ops.http.client_key"
AXES_LOCKOUT_CALLABLE = "apps.users.lockout.locked_out"
# People type passwords into the wrong field, so what was typed into the other is not logged either.
AXES_SENSITIVE_PARAMETERS = ["username"]
AXES_VERBOSE = False
# Who logs in when is nobody's business in the long run; the log has the requests.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
