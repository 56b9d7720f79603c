/** All apps are of one organization; clients of the REST API want it to have an id. */
export const defaultOrganizationId = '046a36ac-e03c-4590-9257-bd6c9dba9ee8';
