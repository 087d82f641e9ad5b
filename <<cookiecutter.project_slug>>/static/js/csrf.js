/**
 * Django's CSRF token for requests made with fetch:
 *
 *     import { csrfHeaders } from "/static/js/csrf.js";
 *     await fetch("/orders/", { method: "POST", headers: csrfHeaders(), body });
 *
 * See https://docs.djangoproject.com/en/6.1/howto/csrf/#using-csrf-protection-with-ajax
 */

/**
 * Return the value of the cookie `name`, or null when there is none.
 *
 * @param {string} name
 * @returns {string | null}
 */
export function getCookie(name) {
    for (const cookie of document.cookie.split("; ")) {
        const separator = cookie.indexOf("=");
        if (cookie.slice(0, separator) === name) {
            return decodeURIComponent(cookie.slice(separator + 1));
        }
    }
    return null;
}

/**
 * Return the token that Django has put into its cookie, or null when no page with a form has been shown yet.
 * It is read anew each time, for logging in changes it. The first of its names is production's.
 *
 * @returns {string | null}
 */
export function csrfToken() {
    return getCookie("__Host-csrftoken") ?? getCookie("csrftoken");
}

/**
 * Return the headers that a fetch with an unsafe method to this site needs. Never send them to another site.
 *
 * @returns {{ "X-CSRFToken": string }}
 */
export function csrfHeaders() {
    return { "X-CSRFToken": csrfToken() ?? "" };
}
