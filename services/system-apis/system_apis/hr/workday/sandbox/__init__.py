"""Workday as a sandbox: tokens, Staffing v6, absence, WQL, custom reports and Get_Workers. See ../README.md.

Control actions: `enter` {worker, type, effective, values | rescinds} completes a business process now, for a day of its
own; `hire` {worker record and its first values} adds a worker; `revoke_domain` and `grant_domain` {domain} change what
the integration user sees; `expire_tokens`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from sandboxkit.app import Context, Dialect, create_sandbox
from system_apis.hr.workday.sandbox.history import STARTS, Row, Staff, wid
from system_apis.hr.workday.sandbox.oauth import Access
from system_apis.hr.workday.sandbox.refusals import Refusal, expired_token, invalid, outage, throttled
from system_apis.hr.workday.sandbox.reports import Reports
from system_apis.hr.workday.sandbox.rest import Rest
from system_apis.hr.workday.sandbox.soap import Soap
from system_apis.hr.workday.sandbox.wql import Wql

Handler = Callable[[Request], Awaitable[Response]]


def create_sandbox_app(context: Context) -> ASGIApp:
    """The tenant as an ASGI application; its state is in the context's store."""
    tenant = Tenant(context)
    return create_sandbox(context, Dialect(outage, throttled, expired_token), tenant.routes(), tenant.actions())


class Tenant:
    """One tenant, its surfaces wired to its records."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._staff = Staff(context)
        self._access = Access(context)
        self._rest = Rest(context, self._staff)
        self._wql = Wql(self._staff)
        self._reports = Reports(context, self._staff)
        self._soap = Soap(self._access, self._staff, str(context.config["tenant"]))

    def routes(self) -> list[BaseRoute]:
        rest, worker = self._rest, "/workers/{worker}"
        staffing, absence = "/api/staffing/v6/{tenant}", "/api/absenceManagement/v1/{tenant}"
        gets: dict[str, Callable[[Request], Row]] = {
            f"{staffing}/workers": rest.workers,
            staffing + worker: rest.worker,
            f"{staffing}{worker}/serviceDates": rest.service_dates,
            f"{staffing}{worker}/explicitSkills": rest.explicit_skills,
            f"{absence}{worker}/leavesOfAbsence": rest.leaves,
            f"{absence}{worker}/timeOffDetails": rest.time_off,
            "/api/wql/v1/{tenant}/dataSources": lambda _: self._wql.sources(),
            "/api/wql/v1/{tenant}/dataSources/{source}/fields": lambda _: self._wql.described(),
        }
        routes: list[BaseRoute] = []
        for prefix in ("/ccx", ""):
            routes += [Route(prefix + path, self._answered(read), methods=["GET"]) for path, read in gets.items()]
            routes.append(
                Route(f"{prefix}/api/wql/v1/{{tenant}}/data", _refusing(self._query), methods=["GET", "POST"])
            )
        routes += [
            Route("/ccx/oauth2/{tenant}/token", _refusing(self._access.token), methods=["POST"]),
            Route("/ccx/service/customreport2/{tenant}/{owner}/{report}", _refusing(self._report), methods=["GET"]),
            Route("/ccx/service/{tenant}/Human_Resources/v44.2", self._soap.answer, methods=["POST"]),
        ]
        return routes

    def actions(self) -> dict[str, Callable[[Row], Awaitable[Any]]]:
        return {
            "enter": self._enter,
            "hire": self._hire,
            "revoke_domain": self._revoke,
            "grant_domain": self._grant,
            "expire_tokens": self._expire,
        }

    def _answered(self, read: Callable[[Request], Row]) -> Handler:
        async def handler(request: Request) -> Response:
            self._access.check_bearer(request)
            return JSONResponse(read(request))

        return _refusing(handler)

    async def _query(self, request: Request) -> Response:
        self._access.check_bearer(request)
        body = await request.json() if request.method == "POST" else request.query_params
        query = body.get("query")
        if not isinstance(query, str):
            raise invalid("the query is missing", "query")
        return JSONResponse(self._wql.data(request, query))

    async def _report(self, request: Request) -> Response:
        self._access.check_report(request)
        answer = self._reports.answer(request)
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    async def _enter(self, wanted: Row) -> Any:
        return self._staff.enter(wanted)

    async def _hire(self, wanted: Row) -> Any:
        """A worker record and its start: `{workerId, type?, personWid?, effective, entered?, values}`."""
        number, kind = str(wanted["workerId"]), str(wanted.get("type", "Employee"))
        record = {
            "wid": wanted.get("wid", wid("worker", number)),
            "personWid": wanted.get("personWid", wid("person", number)),
            "workerId": number,
            "type": kind,
            "contractEndDate": wanted.get("contractEndDate"),
        }
        self._context.store.insert("worker", record["wid"], record)
        start = {"worker": number, "type": STARTS[0] if kind == "Employee" else STARTS[1]}
        told = {name: wanted[name] for name in ("effective", "entered", "values") if name in wanted}
        return {"worker": record, "transaction": self._staff.enter(start | told)}

    async def _revoke(self, wanted: Row) -> Any:
        return self._context.store.put("revoked_domain", wanted["domain"], {"domain": wanted["domain"]})

    async def _grant(self, wanted: Row) -> Any:
        return {"granted": self._context.store.delete("revoked_domain", wanted["domain"])}

    async def _expire(self, _: Row) -> Any:
        return {"expired": self._access.expire_all()}


def _refusing(handler: Handler) -> Handler:
    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            return refusal.answer()

    return answered
