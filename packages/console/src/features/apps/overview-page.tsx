import { useParams } from '@tanstack/react-router';
import { Page } from '../../components/page.tsx';

export function OverviewPage() {
  const { appId } = useParams({ from: '/inside/apps/$appId/' });
  return <Page title={appId}>{null}</Page>;
}
