/* Shows the API docs: see templates/api/docs.html. */

const place = document.getElementById("documents");

SwaggerUIBundle({
    domNode: place,
    url: place.dataset.schema,
    deepLinking: true,
    // By default it would ask a server of others whether the schema is valid.
    validatorUrl: null,
});
